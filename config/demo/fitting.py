"""Campaigns that fit their words to the reader: to what they bought, whether they are a member, what time it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from audiences import segments
from audiences.models import Segment
from campaigns import drafts, launching
from campaigns.models import Version
from config.demo import shared, ways, wordings
from config.demo.ways import Way, mail
from tenants import clock
from tenants.models import Tenant, User

LATENESS_HOURS = 30 * 24  # in the replay a day lasts less than a second
MEMBERS = "Loyalty members"
EVENING = "Evening where they are"
WITHIN_REACH = "Regulars within reach"


def launch(tenant: Tenant, owner: User, *, body: str) -> None:
    """Launch them all, in the transaction of the caller; ``body`` is the mail around the word OPENING."""
    _launch(tenant, owner, "A look back at your orders", timedelta(days=4), "Regulars", _look_back(body))
    _launch(tenant, owner, "First pick of the spring list", timedelta(days=15), "Regulars", _first_pick(body))
    _within_reach(tenant, owner)
    after = timedelta(days=21, hours=13, minutes=30)  # in the evening of New York
    _launch(tenant, owner, "An hour for listening", after, WITHIN_REACH, _listening(body))


def _launch(tenant: Tenant, owner: User, name: str, after: timedelta, of: str, said: Sequence[Way]) -> None:
    now = clock.now(tenant)
    version = ways.draft(tenant, owner, name, of=of)
    drafts.set_schedule(
        version=version,
        actor=owner,
        when=Version.When.AT,
        starts_at=now + after,
        lateness_hours=LATENESS_HOURS,
        when_capped=Version.WhenCapped.WAIT,
    )
    ways.write(version, owner, said)
    launching.launch(version=version, actor=owner, now=now)


def _look_back(body: str) -> list[Way]:
    """What they did before; whoever lacks some of it gets the words that do without."""
    known = (
        "Dear {{ profile.first_name }},<br/><br/>your first parcel from us left on"
        " {{ profile.events.order_completed.first_at | local_date: 'long' }}. Since then you have ordered"
        " {{ profile.events.order_completed.count }} times; the latest one, of"
        " {{ profile.events.order_completed.last.total | money }}, was {{ profile.events.order_completed.last_at"
        " | time_ago }}.{% if profile.events.order_completed.last.items >= 5 %} Five records and more in one go: we"
        " packed it with pride.{% endif %}"
    )
    anybody = (
        "Dear {{ profile.first_name | default: 'friend of the shop' }},<br/><br/>there is a corner of the shop for"
        " everybody who keeps coming back, in {{ profile.city | default: 'your town' }} as anywhere. Thank you."
    )
    return [
        Way(
            "With their own story", {"": _mail(body, "Your records with us, {{ profile.first_name }}", known)}
        ),
        Way("For anybody", {"": _mail(body, "Thank you for coming back", anybody)}, is_default=True),
    ]


def _first_pick(body: str) -> list[Way]:
    """One rule: members of the loyalty programme, and the rest."""
    members = (
        "{% if profile.first_name %}{{ profile.first_name }}, the{% else %}The{% endif %} spring list opens to members"
        " today, two days before everybody else. Your records are put aside until Sunday."
    )
    rest = (
        "The spring list opens on Thursday. Members choose two days earlier; joining costs nothing, and takes a minute"
        " at the counter or online."
    )
    return [
        Way(
            "Members",
            {"": _mail(body, "Yours first: the spring list", members)},
            segment=Segment.objects.get(name=MEMBERS),
        ),
        Way("The rest", {"": _mail(body, "The spring list comes on Thursday", rest)}, is_default=True),
    ]


def _listening(body: str) -> list[Way]:
    """Their language and what their clock shows; whom mail does not reach is not in the audience."""
    german = (
        "Eine Stunde, eine Platte, kein Telefon: So hören wir am liebsten. Vier Vorschläge für heute Abend liegen"
        " bereit, ausgesucht von denen, die den Laden aufschließen."
    )
    evening = (
        "It is evening where you are: a good hour for one record from beginning to end. Here are four that ask for"
        " nothing but a chair."
    )
    otherwise = (
        "Keep an hour free tonight. Here are four records that ask for nothing but a chair, and they will wait until"
        " you are home."
    )
    return [
        Way(
            "In German",
            {"": _mail(_in_german(body), "Eine Stunde zum Zuhören", german)},
            segment=Segment.objects.get(name="German speakers"),
        ),
        Way(
            "In the evening",
            {"": _mail(body, "Tonight: one record, from beginning to end", evening)},
            segment=Segment.objects.get(name=EVENING),
        ),
        Way("At any other time", {"": _mail(body, "Something for tonight", otherwise)}, is_default=True),
    ]


def _in_german(body: str) -> str:
    """The mail around the words, for a variant that is German whatever language the campaign is in."""
    words = wordings.OTHERS["de"]
    body = body.replace(wordings.BUTTON, words.button).replace(wordings.TASTE, words.taste)
    return body.replace('{% render "signature" %}', shared.SIGNATURES["de"])


def _mail(body: str, subject: str, opening: str) -> ways.Fields:
    return mail(subject, body.replace("OPENING", opening))


def _within_reach(tenant: Tenant, owner: User) -> None:
    regulars = Segment.objects.get(name="Regulars")
    rule = {
        "all": [
            {"on": "segment", "id": str(regulars.public_id)},
            {"on": "reachable", "channel": "email"},
            {"on": "language", "operator": "is_one_of", "value": ["en", "de"]},
        ]
    }
    segments.create(
        tenant=tenant,
        actor=owner,
        name=WITHIN_REACH,
        description="Regulars who read English or German and whom mail may reach.",
        rule=rule,
    )
