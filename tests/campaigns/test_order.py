"""The order of variants: who gets which, what is pointed out about it, and how it is changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from audiences import ingest, segments
from audiences.models import Profile, Segment
from campaigns import arms, channels, drafts, findings, launching, order, overlaps, precedence, versions
from campaigns.models import Campaign, Version
from tenants.models import Tenant, User
from tests.audiences.rules.world import property_
from tests.campaigns.conftest import add, url

GOLD = {"on": "attribute", "name": "plan", "operator": "is", "value": "gold"}
BERLIN = {"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"}
ANY_PLAN = {"on": "attribute", "name": "plan", "operator": "exists"}
HAS_NAME = {"on": "attribute", "name": "first_name", "operator": "exists"}
SMALL, LARGE = property_("value", "less", 10), property_("value", "at_least", 200)
BELOW_200 = property_("value", "less", 200)


def filters(*conditions: dict[str, Any]) -> Any:
    return arms.filtered(conditions)


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        pytest.param([], [SMALL], True, id="no filter lets in all"),
        pytest.param([SMALL], [], False, id="what asks nothing is not held to anything"),
        pytest.param([BELOW_200], [SMALL], True, id="under 200 takes all under 10"),
        pytest.param([SMALL], [BELOW_200], False, id="under 10 does not take all under 200"),
        pytest.param([property_("value", "at_most", 10)], [SMALL], True, id="at most 10 takes under 10"),
        pytest.param([SMALL], [property_("value", "at_most", 10)], False, id="under 10 does not take 10"),
        pytest.param([property_("value", "greater", 0.1)], [property_("value", "between", [1, 5])], True, id="a range"),
        pytest.param([LARGE], [property_("value", "at_least", 100), property_("value", "greater", 250)], True,
                     id="the narrower of two bounds counts"),
        pytest.param([BELOW_200], [property_("total", "less", 10)], False, id="another property says nothing"),
        pytest.param([SMALL, property_("shop", "is", "uk")], [SMALL], False, id="all of its filters must follow"),
        pytest.param([property_("value", "exists")], [SMALL], True, id="what is compared is there"),
        pytest.param([property_("shop.id", "contains", "uk")], [property_("shop.id", "is", "UK-1")], True,
                     id="a value answers what asks about texts"),
        pytest.param([property_("shop", "is_not", "uk")], [property_("shop", "is", "uk")], False, id="its opposite"),
        pytest.param([SMALL], [property_("value", "is", 5)], True, id="a number under 10"),
        pytest.param([SMALL], [{"any": [SMALL, property_("a", "is", 1)]}], False, id="groups are not seen through"),
        pytest.param([property_("at", "before", "2027-01-01")], [property_("at", "is", "2026-01-01")], False,
                     id="times are left to counting"),
    ],
)  # fmt: skip
def test_a_filter_covers_another(wide: list[Any], narrow: list[Any], covers: bool) -> None:
    assert precedence.covers(filters(*wide), filters(*narrow)) is covers


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        pytest.param([SMALL, LARGE], "value", id="under 10 and from 200"),
        pytest.param([property_("value", "less", 10), property_("value", "at_least", 10)], "value", id="touching"),
        pytest.param([property_("value", "at_most", 10), property_("value", "at_least", 10)], "", id="one number"),
        pytest.param([property_("shop", "is", "uk"), property_("shop", "is", "us")], "shop", id="two texts"),
        pytest.param([property_("value", "is", "5"), SMALL], "value", id="a text under 10"),
        pytest.param([SMALL, property_("total", "at_least", 200)], "", id="two properties"),
    ],
)  # fmt: skip
def test_filters_contradict_each_other(asked: list[Any], name: str) -> None:
    assert precedence.contradiction(filters(*asked)) == name


@pytest.fixture
def crowd(make_profile: Callable[..., Profile]) -> None:
    """Four gold, two of them in Berlin and one of those without a first name; two free in Berlin; one on no plan."""
    for plan, city, name in [
        ("gold", "Berlin", "Ada"), ("gold", "Berlin", None), ("gold", "Paris", "Cleo"), ("gold", "Paris", "Dora"),
        ("free", "Berlin", "Edda"), ("free", "Berlin", "Fritz"), (None, "Rome", "Gina"),
    ]:  # fmt: skip
        make_profile(first_name=name, city=city, attributes={"plan": plan} if plan else {})
    make_profile(city="Berlin", consent={"email": "unsubscribed"}, attributes={"plan": "gold"})


@pytest.fixture
def drafted(
    make_campaign: Callable[..., Campaign], make_segment: Callable[..., Segment], owner: User
) -> Callable[..., Version]:
    """Draft a campaign with the variants told: A, B, C, each with whom it is for."""
    segments: dict[str, Segment] = {}

    def draft(*variants: dict[str, Any], **campaign: Any) -> Version:
        version = make_campaign(**campaign).versions.get()
        for told in variants:
            told = dict(told)
            rule, body = told.pop("rule", None), told.pop("body", "<p>Hello.</p>")
            segment = rule and segments.setdefault(str(rule), make_segment(rule))
            add(version, owner, body, segment=segment, **told)
        drafts.remove_variant(variant=version.variants.get(key="a"), actor=owner)
        for variant, name in zip(version.variants.order_by("position"), "ABCDEF", strict=False):
            variant.name = name
            variant.save()
        return Version.objects.select_related("campaign", "segment", "tenant").get(pk=version.pk)

    return draft


NAMED = "<p>{{ profile.first_name }}</p>"


@pytest.mark.parametrize(
    ("variants", "told"),
    [
        pytest.param([{"rule": GOLD}, {}], [], id="loyalty members and the rest need no word"),
        pytest.param(
            [{}, {"rule": GOLD}],
            [("unreachable", "Nobody gets “B”", "Whatever fits it fits “A” too, which is tried first: 4 people so far."
              " Move “B” before “A”, or narrow “A”.", "“B” before “A”")],
            id="the rest first leaves nobody for the members",
        ),
        pytest.param(
            [{"rule": ANY_PLAN}, {"rule": GOLD}],
            [("unreachable", "Nobody gets “B”", "All 4 people that fit it get “A” first. Move “B” before “A”,"
              " or narrow “A”.",
              "“B” before “A”")],
            id="counting finds what the rules do not tell",
        ),
        pytest.param(
            [{"rule": GOLD}, {"rule": {"all": [GOLD]}}],
            [("unreachable", "Nobody gets “B”", "All 4 people that fit it get “A” first. Narrow “A”, or remove"
              " “B”.", "")],
            id="a move that leaves nobody for the other helps nobody",
        ),
        pytest.param(
            [{"rule": GOLD}, {"rule": BERLIN}, {"rule": {"any": [GOLD, BERLIN]}}],
            [("unreachable", "Nobody gets “C”", "Of 6 people that fit it, 4 people get “A” and 2 people get “B” first."
              " Narrow “A” and “B”, or remove “C”.", ""),
             ("overlap", "2 people fit both “A” and “B”", "They get “A”, which is tried first. If they should"
              " get “B”: move it"
              " before “A”.", "“B” before “A”")],
            id="two together leave nothing",
        ),
        pytest.param(
            [{"rule": {"on": "attribute", "name": "city", "operator": "is", "value": "Oslo"}}, {}],
            [("empty", "“A” is for nobody", "None of the 7 people to be reached fits it. Widen whom it is for.", "")],
            id="nobody lives there",
        ),
        pytest.param(
            [{"rule": GOLD}, {"rule": BERLIN}],
            [("overlap", "2 people fit both “A” and “B”", "They get “A”, which is tried first. If they should"
              " get “B”: move it"
              " before “A”.", "“B” before “A”")],
            id="gold and Berlin meet",
        ),
        pytest.param([{"rule": GOLD, "body": NAMED}, {"rule": GOLD, "weight": 1}, {"is_default": True}], [],
                     id="variants for the same share them"),
        pytest.param(
            [{"rule": {"all": [BERLIN, HAS_NAME]}}, {"rule": BERLIN, "body": NAMED}, {}],
            [("unreachable", "Nobody gets “B”", "Of 4 people that fit it, 3 people get “A” first, and 1 person"
              " lacks what"
              " it needs. Narrow “A”, or remove “B”.", "")],
            id="some are taken and the others lack data",
        ),
        pytest.param(
            [{"rule": BERLIN, "body": "<p>{{ profile.house }}</p>"}, {}],
            [("lacking", "Nobody gets “A”", "All 4 people that fit it lack what its words need: profile.house."
              " Give them"
              " a default.", "")],
            id="all lack what the words need",
        ),
        pytest.param([{"body": NAMED}, {"is_default": True}], [], id="the default catches those who lack data"),
        pytest.param(
            [{}, {"is_default": True}],
            [("unreachable", "Nobody gets “B”, the default", "“A” takes everybody. Say whom “A” is for, or"
              " remove “B”.", "")],
            id="nothing is left for the default",
        ),
    ],
)  # fmt: skip
def test_what_is_worth_a_look(
    drafted: Callable[..., Version],
    crowd: None,
    now: datetime,
    variants: list[dict[str, Any]],
    told: list[Any],
) -> None:
    version = drafted(*variants)
    assert pointed_out(version, now) == told
    warned = [(check.state, check.words, check.detail) for check in findings.checks(version, now=now)]
    assert warned == [("warn", words, detail) for _, words, detail, _ in told]


def pointed_out(version: Version, now: datetime) -> list[tuple[str, str, str, str]]:
    found = findings.of(version, now=now).findings
    return [
        (one.kind, one.words, one.detail, one.move.words.removeprefix("Move ") if one.move else "")
        for one in found
    ]


@pytest.fixture
def carts(drafted: Callable[..., Version], owner: User) -> Callable[..., Version]:
    """Draft variants for what begins a checkout."""

    def draft(*variants: dict[str, Any]) -> Version:
        version = drafted({"where": [property_("nothing", "exists")]})
        drafts.set_schedule(
            version=version, actor=owner, when="event", starts_at=None, lateness_hours=24,
            trigger={"on": "event", "name": "Checkout Started", "where": [property_("value", "at_least", 1)]},
        )  # fmt: skip
        for number, told in enumerate(variants):
            add(version, owner, told.pop("body", "<p>Hello.</p>"), **{"where": [], **told})
            version.variants.filter(position=number + 2).update(name="ABCDEF"[number])
        drafts.remove_variant(variant=version.variants.get(key="b"), actor=owner)
        return Version.objects.select_related("campaign", "segment", "tenant").get(pk=version.pk)

    return draft


@pytest.fixture
def checkouts(make_profile: Callable[..., Profile], tenant: Tenant, now: datetime) -> None:
    """Seven of somebody who can be reached; one too small for the trigger, one of another name, one of a stranger."""
    for user, consent in (("u1", {}), ("u2", {"email": "unsubscribed"})):
        make_profile(external_id=user, email=f"{user}@example.test", consent=consent)
    told = [("u1", value) for value in (0, 5, 5, 50, 150, 250, 250, 300)] + [("u2", 5)]
    calls = [
        {"type": "track", "userId": user, "event": "Checkout Started", "properties": {"value": value}}
        for user, value in told
    ]
    ingest.store(tenant=tenant, calls=[*calls, {**calls[1], "event": "Cart Viewed"}], now=now)


@pytest.mark.parametrize(
    ("variants", "told"),
    [
        pytest.param([{"where": [SMALL]}, {"where": [LARGE]}, {"is_default": True}], [],
                     id="under 10, from 200 and in between need no word"),
        pytest.param(
            [{"where": [BELOW_200]}, {"where": [SMALL]}],
            [("unreachable", "Nobody gets “B”", "Whatever fits it fits “A” too, which is tried first: 2"
              " “Checkout Started”"
              " so far. Move “B” before “A”, or narrow “A”.", "“B” before “A”")],
            id="under 200 before under 10",
        ),
        pytest.param(
            [{"where": [SMALL, LARGE]}, {}],
            [("empty", "No event can fit “A”", "Its filters on value exclude each other. Change one of them.", "")],
            id="under 10 and from 200 at once",
        ),
        pytest.param(
            [{"where": [property_("value", "greater", 1000)]}, {}],
            [("empty", "Nothing fits “A”", "None of the last 7 “Checkout Started” does. Check whom it is for, and its"
              " filters.", "")],
            id="nobody had so large a cart",
        ),
        pytest.param(
            [{"where": [BELOW_200]}, {"where": [property_("value", "at_least", 100)]}],
            [("overlap", "1 “Checkout Started” fits both “A” and “B”", "They get “A”, which is tried first. If"
              " they should"
              " get “B”: move it before “A”.", "“B” before “A”")],
            id="150 is under 200 and from 100",
        ),
        pytest.param([{"where": [BELOW_200], "body": "<p>{{ event.coupon }}</p>"}, {"where": [SMALL]}, {}],
            [("lacking", "Nobody gets “A”", "All 4 “Checkout Started” that fit it lack what its words need:"
              " event.coupon."
              " Give them a default.", "")],
            id="what the event lacks leaves it to the next"),
    ],
)  # fmt: skip
def test_what_is_worth_a_look_by_the_last_events(
    carts: Callable[..., Version],
    checkouts: None,
    now: datetime,
    variants: list[dict[str, Any]],
    told: list[Any],
) -> None:
    assert pointed_out(carts(*[dict(each) for each in variants]), now) == told


def test_what_the_filters_tell_needs_no_events(carts: Callable[..., Version], now: datetime) -> None:
    version = carts({"where": [BELOW_200]}, {"where": [SMALL]}, {"where": [LARGE]})
    assert [said[:2] for said in pointed_out(version, now)] == [("unreachable", "Nobody gets “B”")]


def test_the_lines_add_up_to_what_a_launch_counts(
    drafted: Callable[..., Version], crowd: None, now: datetime
) -> None:
    version = drafted(
        {"rule": {"all": [GOLD, BERLIN]}}, {"rule": GOLD, "body": NAMED}, {"rule": GOLD, "weight": 9},
        {"rule": BERLIN, "body": NAMED}, {"is_default": True}, control=30,
    )  # fmt: skip
    found, counts = overlaps.counted(version, now=now), launching.counts(version, now=now)
    assert found is not None
    lines = [found.line(index) for index in range(3)]
    for line in lines:
        assert line.fits == sum(line.before.values()) + line.lacks + line.control + line.gets
    assert found.total == counts.reachable == 7
    gets = [sum(counts.arms[way.key] for way in group.ways) for group in found.groups]
    assert [line.gets for line in lines] == gets
    assert found.left() == list(counts.arms.values())[-1]
    assert [(line.fits, line.before) for line in lines] == [(2, {}), (4, {0: 2}), (4, {0: 2})]


def test_another_tenants_people_and_events_are_not_counted(
    carts: Callable[..., Version], checkouts: None, other_tenant: Tenant, tenant: Tenant, now: datetime
) -> None:
    version = carts({"where": [SMALL]}, {})
    before = overlaps.counted(version, now=now)
    call = {"type": "track", "userId": "u1", "event": "Checkout Started", "properties": {"value": 5}}
    ingest.store(tenant=other_tenant, calls=[call], now=now)
    assert overlaps.counted(version, now=now) == before


class TestArranging:
    @pytest.fixture
    def version(self, drafted: Callable[..., Version]) -> Version:
        """B and D share Berlin; E is the default."""
        return drafted({"rule": GOLD}, {"rule": BERLIN}, {}, {"rule": BERLIN}, {"is_default": True})

    @staticmethod
    def names(version: Version) -> str:
        return "".join(version.variants.order_by("position").values_list("name", flat=True))

    @pytest.mark.parametrize(
        ("keys", "names"),
        [
            pytest.param("cbd", "BDACE", id="those for the same stand together"),
            pytest.param("dbc", "CABDE", id="the last becomes the first"),
            pytest.param("bed", "ABDCE", id="a row is named by any of its variants"),
        ],
    )
    def test_rows_are_put_in_order(self, version: Version, owner: User, keys: str, names: str) -> None:
        order.arrange(version=version, actor=owner, keys=list(keys))
        assert self.names(version) == names

    @pytest.mark.parametrize("keys", ["bc", "bcdd", "bcdx", "bcdf", ""])
    def test_what_is_no_order_of_them_changes_nothing(self, version: Version, owner: User, keys: str) -> None:
        with pytest.raises(drafts.Refused, match="changed meanwhile"):
            order.arrange(version=version, actor=owner, keys=list(keys))
        assert self.names(version) == "ABCDE"

    @pytest.mark.parametrize(("to", "found"), [(-1, "bac"), (0, "bac"), (1, "abc"), (2, "acb"), (9, "acb")])
    def test_a_key_moves_and_stops_at_the_ends(self, to: int, found: str) -> None:
        assert order.moved("abc", "b", to) == list(found)


class TestPage:
    @pytest.fixture
    def version(self, drafted: Callable[..., Version], crowd: None) -> Version:
        return drafted({}, {"rule": GOLD}, {"is_default": True})

    def test_counts_and_findings_come_after_the_page(self, version: Version, marketer: Client) -> None:
        campaign = version.campaign
        page = marketer.get(url("campaign_variant", campaign, "b")).content.decode()
        assert "Order: A, then B, then C" in page
        assert "Nobody gets “B”" not in page
        counted = marketer.get(url("campaign_order", campaign, "b")).content.decode()
        for words in (
            "Counted are the 7 people of the audience who can be reached.",
            "4 fit · 4 get “A” first · <strong>0 get it</strong>",
            "Nobody gets “B”",
            'value="c,b">Move “B” before “A”</button>',
            "Nobody gets “C”, the default",
        ):
            assert words in counted

    def test_a_move_answers_with_the_order_the_tabs_and_words_for_ears(
        self, version: Version, marketer: Client
    ) -> None:
        there = url("campaign_order", version.campaign, "b")
        answer = marketer.post(there, {"order": "c,b"}, headers={"HX-Request": "true"}).content.decode()
        assert "Order: B, then A, then C." in answer
        assert 'id="variant-tabs"' in answer
        assert list(version.variants.order_by("position").values_list("key", flat=True)) == ["c", "b", "d"]
        stale = marketer.post(there, {"order": "c,b,x"}, headers={"HX-Request": "true"})
        assert "changed meanwhile" in stale["HX-Trigger"]
        without_scripts = marketer.post(there, {"order": "b,c"}, follow=True).content.decode()
        assert "Order: A, then B, then C" in without_scripts

    def test_the_review_warns_and_lets_launch(self, version: Version, publisher: Client) -> None:
        page = publisher.get(url("campaign_review", version.campaign)).content.decode()
        assert "Nobody gets “B”" in page
        assert "Ready to launch" in page

    def test_what_takes_too_long_is_told_and_the_filters_still_are(
        self, version: Version, marketer: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(segments, "PATIENCE", timedelta(milliseconds=1))
        slow = lambda self, alias, is_marketing: "pg_sleep(60)::text = ''"  # noqa: E731
        monkeypatch.setattr(type(channels.get("email")), "reachable_sql", slow)
        told = marketer.get(url("campaign_order", version.campaign, "b")).content.decode()
        assert "Too many to count while you wait" in told
        assert "Nobody gets “B”" in told

    def test_a_broken_segment_is_told(self, version: Version, marketer: Client) -> None:
        Segment.objects.update(rule={"on": "nothing"})
        told = marketer.get(url("campaign_order", version.campaign, "b"))
        assert "This cannot be counted" in told.content.decode()

    def test_a_launched_order_is_changed_in_a_new_version(
        self, version: Version, owner: User, marketer: Client, now: datetime
    ) -> None:
        launching.launch(version=version, actor=owner, now=now)
        there = url("campaign_order", version.campaign, "b")
        assert marketer.post(there, {"order": "c,b"})["Location"] == url("campaign_detail", version.campaign)
        second = versions.start(campaign=version.campaign, actor=owner)
        marketer.post(there, {"order": "c,b"})
        found = [
            each.variants.order_by("position").values_list("key", flat=True) for each in (version, second)
        ]
        assert list(map(list, found)) == [["b", "c", "d"], ["c", "b", "d"]]

    def test_two_of_one_row_need_no_order(self, campaign: Campaign, owner: User, marketer: Client) -> None:
        add(campaign.versions.get(), owner)
        assert "Order:" not in marketer.get(url("campaign_variant", campaign, "a")).content.decode()
