"""A launched campaign with a mail worth rendering: six values, a default, a condition and a loop."""

from __future__ import annotations

from typing import Any

from benchmarks.data import World
from campaigns import contents, launching
from campaigns.models import Campaign, Variant, Version
from tenants import clock

SUBJECT = "{{ profile.first_name }}, three records for you"
PARAGRAPH = (
    "<p>Every Friday our buyers unpack what came in from the small presses, listen to all of it from the first groove"
    " to the last, and put aside what they would take home themselves. Most of it never reaches a chart.</p>"
)
BODY = f"""<h1>Hello {{{{ profile.first_name | default: "you" }}}} {{{{ profile.last_name }}}}</h1>
<p>Here is what came in for {{{{ profile.city }}}} this week. You have {{{{ profile.points }}}} points.</p>
{{% if profile.is_member %}}<p>As a member you pay no postage with {{{{ profile.plan }}}}.</p>{{% endif %}}
<ul>{{% for genre in profile.genres %}}
<li><a href="https://shop.test/genres/new">New in {{{{ genre }}}}</a></li>
{{% endfor %}}</ul>
{PARAGRAPH * 5}
<p><a href="https://shop.test/new">See what is new</a> or <a href="https://shop.test/account">your account</a></p>"""


def launched(world: World, *, name: str, rule: dict[str, Any], **when: Any) -> Campaign:
    """Return a campaign to those the rule means, launched as from the page. Needs the tenant's scope.

    ``when`` are fields of its version; without any it goes out at once.
    """
    campaign = Campaign(tenant=world.tenant, name=name, created_by=world.owner)
    campaign.save()
    version = Version(tenant=world.tenant, campaign=campaign, number=1, rule=rule, **when)
    version.save()
    variant = Variant(tenant=world.tenant, version=version, key="a", name="A", weight=100)
    variant.save()
    words = {"subject": SUBJECT, "preheader": "", "body_format": "html", "body": BODY, "text": ""}
    contents.save(variant=variant, channel="email", fields=words, actor=world.owner)
    launching.launch(version=version, actor=world.owner, now=clock.now(world.tenant))
    return campaign
