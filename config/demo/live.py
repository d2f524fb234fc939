"""What the demo's mails ask other servers: three sources on the shop's own one, and a campaign that uses them."""

from __future__ import annotations

from campaigns import drafts, launching
from campaigns.models import Source, Version
from campaigns.sources import editing
from config.demo import shelf, ways
from config.demo.ways import Way, mail
from tenants import clock
from tenants.models import Tenant, User

COMMON = {"method": "GET", "body": "", "timeout_seconds": 2, "last_good_hours": 24}
BODY = """<mjml>
  <mj-body background-color="#f4f1ea">
    {% render "letterhead" %}
    <mj-section background-color="#ffffff" border-radius="8px" padding="24px">
      <mj-column>
        <mj-text font-size="17px" line-height="1.5" color="#222222">
          {{ source.weather.today.temperature }} degrees and {{ source.weather.today.sky }} in {{ profile.city }}:
          a day for a record.
          {% if source.pick.record %}
            We put <b>{{ source.pick.record.title }}</b> by {{ source.pick.record.artist }} aside for you.
          {% endif %}
        </mj-text>
        <mj-text font-size="15px" line-height="1.6" color="#222222">
          On stage this week:<br/>
          {% for concert in source.concerts.concerts %}
            {{ concert.day }}: {{ concert.artist }}, {{ concert.place }}<br/>
          {% endfor %}
        </mj-text>
        <mj-button background-color="#c8553d" border-radius="6px" font-size="16px"
          href="https://shop.example/new">Come by</mj-button>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def launch(tenant: Tenant, owner: User) -> None:
    """Set up the sources and launch the campaign, in the transaction of the caller."""
    server = f"http://{shelf.HOST}:{shelf.PORT}"
    add_source(tenant, owner, "weather", f"{server}/weather?city={{{{ profile.city }}}}", cache_minutes=60)
    add_source(tenant, owner, "concerts", f"{server}/concerts", cache_minutes=24 * 60)
    pick = f"{server}/pick?customer={{{{ profile.external_id }}}}"
    nothing = {"on_failure": "default", "default": {"record": None}}
    add_source(tenant, owner, "pick", pick, headers={"X-Key": shelf.KEY}, cache_minutes=0, **nothing)
    version = ways.draft(tenant, owner, "This week in the shop", of="Regulars")
    drafts.set_schedule(
        version=version,
        actor=owner,
        when=Version.When.NOW,
        starts_at=None,
        lateness_hours=72,
        is_cap_exempt=True,  # one mail more, so that the other campaigns' results stay their own
    )
    subject = "{{ source.weather.today.sky | capitalize }} in {{ profile.city }}, and who plays this week"
    ways.write(version, owner, [Way("A", {"": mail(subject, BODY)})])
    launching.launch(version=version, actor=owner, now=clock.now(tenant))


def add_source(
    tenant: Tenant,
    owner: User,
    name: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    **fields: object,
) -> None:
    given = COMMON | {"on_failure": Source.OnFailure.SKIP, "default": None} | fields
    editing.add(tenant=tenant, actor=owner, headers=headers or {}, name=name, url=url, **given)
