"""Every address of Tact and what it is to a tenant; one that is missing here fails the walk.

Adding yours is one line of ROUTES, under its URL name:

    page()              no id of a tenant's thing in its path; shows only one's own tenant
    thing(Model)        its path names a row by ``public_id``; another tenant's is a 404
    thing(Model, "key") the same, where the path's parameter has another name; more parameters as keywords
    call(body)          sends data in with an API key instead of a session; parameters of its path as keywords
    api(Model, data)    of the management API, reached with a secret key; without a model its path names no row
    public(reason)      open to the world, such as a link in a mail
    platform(reason)    about the person signed in or this installation, not about a tenant

``data`` is a form that one's own tenant would accept; the walk puts another tenant's ids into it where it can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from audiences.models import Import, Place, Profile, Segment
from campaigns.models import Block, Campaign, Source
from delivery.models import Delivery, FrequencyCap
from tenants import references
from tenants.models import ApiKey, Invitation, Membership
from tests.walk.world import SAME_EMAIL, SAME_ID, SAME_NAME, World

Params = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Route:
    kind: str
    reason: str = ""
    params: Params = lambda world: {}
    data: dict[str, Any] = field(default_factory=dict)
    at: str = ""  # the path, where the resolver knows no way back from the name

    def url(self, name: str, world: World) -> str:
        """Return the address as it leads to the world's thing."""
        return self.at or reverse(name, kwargs=self.params(world))


def page(**data: Any) -> Route:
    return Route("page", data=data)


def thing(
    model: type[Any], parameter: str = "public_id", data: dict[str, Any] | None = None, **more: Any
) -> Route:
    return Route("thing", params=lambda world: {parameter: world[model].public_id, **more}, data=data or {})


def thing_at(params: Params) -> Route:
    """The same, for what is not a row of a model."""
    return Route("thing", params=params)


def call(body: dict[str, Any], at: str = "", **params: Any) -> Route:
    return Route("call", params=lambda world: params, data=body, at=at)


def api(model: type[Any] | None = None, data: dict[str, Any] | None = None, **more: Any) -> Route:
    """``data`` is the body; a model in it is what the address asks for after its question mark, by that row's id."""
    return Route(
        "api",
        params=lambda world: ({"public_id": world[model].public_id} if model else {}) | more,
        data=data or {},
    )


def api_at(params: Params) -> Route:
    """The same, for what is not named by its row's public id."""
    return Route("api", params=params)


def reference_to(delivery: Any) -> str:
    return references.write("delivery", references.Place(delivery.pk, delivery.occasion_at))


def public(reason: str, at: str = "", **params: Any) -> Route:
    return Route("public", reason, params=lambda world: params, at=at)


def platform(reason: str, **params: Any) -> Route:
    return Route("platform", reason, params=lambda world: params)


FIELDS = {"subject": "Hello", "body": "<p>Hello</p>", "body_format": "html"}
WORDS = {"channel": "email", **FIELDS}

# Calls about somebody whom both tenants know by the same identifiers.
BATCH = [
    {
        "type": "identify",
        "userId": SAME_ID,
        "anonymousId": "same-anonymous",
        "traits": {"email": SAME_EMAIL, "a": 1},
    },
    {"type": "track", "userId": SAME_ID, "event": SAME_NAME, "properties": {"revenue": 5}},
    {"type": "group", "userId": SAME_ID, "groupId": "g", "traits": {"plan": "x"}},
    {"type": "alias", "userId": "new-id", "previousId": SAME_ID},
    {"type": "page", "anonymousId": "same-anonymous", "name": "Home"},
]
MESSAGE = {"to": {"external_id": SAME_ID}, "idempotency_key": "same-key", "create": True}
PLACE = {"name": "Soho", "point": "1, 1", "radius_m": "200", "dwell_minutes": "0", "cooldown_minutes": "60"}
CAP = {"limit": "2", "about": "all", "kind": "rolling", "amount": "7", "unit": "days"}
SOURCE = {
    "name": "films",
    "method": "GET",
    "url": "http://127.0.0.1/",
    "timeout_seconds": "1",
    "cache_minutes": "5",
    "last_good_hours": "0",
    "on_failure": "skip",
}
ROUTES: dict[str, Route] = {
    # config
    "home": page(),
    "healthz": public("says that the process serves"),
    "api_docs": public("describes the management API"),
    "api_schema": public("describes the management API"),
    "api_nothing": public("says that there is nothing", at="/api/v1/nothing-of-the-kind"),
    # tenants
    "no_tenant": platform("for people without a tenant"),
    "tenant_switch": platform("chooses among the person's own; test_settings.py holds that others' are 404"),
    "invitation": public("the token is the right to it", token="nobody-made-this"),
    "sandbox_new": page(name="Rehearsal"),
    "settings_team": page(),
    "team_invite": page(email="new@example.test", role="analyst"),
    "team_leave": page(),
    "invitation_resend": thing(Invitation, "invitation"),
    "invitation_revoke": thing(Invitation, "invitation"),
    "team_role": thing(Membership, "member", {"role": "owner"}),
    "team_remove": thing(Membership, "member"),
    "settings_sender": page(),
    "settings_keys": page(name="Shop", kind="write"),
    "key_revoke": thing(ApiKey, "key"),
    "sandbox_clock": page(),
    "clock_forward": page(amount="1", unit="days"),
    "clock_reset": page(),
    "settings_audit": page(),
    # audiences
    "tracking_call": call({"userId": SAME_ID, "event": SAME_NAME, "properties": {"x": 1}}, path="track"),
    "tracking_batch": call({"batch": BATCH}, at="/v1/batch"),
    "tracking_settings": public("the key in the path is a public one", key="nobody-made-this"),
    "api_profiles": api(),
    "api_profile": api(Profile),
    "api_profile_events": api(Profile),
    "api_segments": api(data={"name": "Lapsed", "rule": {"all": []}}),
    "api_segment": api(Segment, {"name": "Lapsed", "rule": {"all": []}}),
    "api_segment_count": api(Segment),
    "api_segment_profiles": api(Segment),
    "api_campaigns": api(),
    "api_campaign": api(Campaign),
    "api_variants": api(Campaign),
    "api_content": api(Campaign, {"fields": FIELDS}, key="a", channel="email"),
    "api_campaign_launch": api(Campaign),
    "api_campaign_pause": api(Campaign),
    "api_campaign_resume": api(Campaign),
    "api_campaign_stop": api(Campaign),
    "api_campaign_deliveries": api(Campaign),
    "api_campaign_send": api(Campaign, MESSAGE),
    "api_campaign_send_batch": api(Campaign, {"messages": [MESSAGE]}),
    "api_campaign_results": api(Campaign),
    "api_campaign_why": api(Campaign, {"profile": Profile}),
    "api_blocks": api(data={"name": "another", "text": "<p>Words</p>"}),
    "api_block": api(Block, {"text": "<p>Other words</p>"}),
    "api_block_archive": api(Block),
    "api_block_restore": api(Block),
    "api_sources": api(),
    "api_source": api(Source),
    "api_profile_deliveries": api(Profile),
    "api_delivery": api_at(lambda world: {"reference": reference_to(world[Delivery])}),
    "place_list": page(),
    "place_new": page(**PLACE),
    "place_picture": page(point="1, 1", radius_m="200"),
    "place_detail": thing(Place),
    "place_edit": thing(Place, data=PLACE),
    "place_size": thing(Place),
    "place_delete": thing(Place),
    "segment_list": page(),
    "segment_new": page(name="Lapsed", rule='{"all": []}'),
    "segment_count": page(rule='{"all": []}'),
    "segment_why": page(rule='{"all": []}', person="same@both.test"),
    "segment_values": page(),
    "segment_detail": thing(Segment),
    "segment_edit": thing(Segment, data={"name": "Lapsed", "rule": '{"all": []}'}),
    "segment_size": thing(Segment),
    "segment_duplicate": thing(Segment),
    "segment_archive": thing(Segment),
    "segment_restore": thing(Segment),
    "profile_list": page(),
    "profile_detail": thing(Profile),
    "profile_timeline": thing(Profile),
    "profile_segments": thing(Profile),
    "profile_consent": thing(Profile, data={"subject": "email", "standing": "unsubscribed"}),
    "profile_unsuppress": thing(Profile, data={"channel": "email"}),
    "profile_attribute": thing(Profile, data={"name": "plan", "kind": "text", "value": "pro"}),
    "profile_export": thing(Profile),
    "profile_erase": thing(Profile),
    "live_events": page(),
    "live_newer": page(),
    "live_refused": page(),
    "settings_data": page(),
    "data_describe": page(
        kind="attribute", name="same_attribute", provenance="bought", sensitivity="personal"
    ),
    "import_list": page(),
    "import_upload": page(),
    "import_detail": thing(Import),
    "import_start": thing(Import),
    "import_progress": thing(Import),
    "import_refused": thing(Import),
    "import_discard": thing(Import),
    "settings_brand": page(primary_color="#112233"),
    "brand_preview": page(primary_color="#112233"),
    "block_list": page(),
    "block_new": page(name="another", text="<p>Words</p>"),
    "block_preview": page(name="same", text="<p>Words</p>"),
    "block_detail": thing(Block),
    "block_save": thing(Block, data={"text": "<p>Other words</p>"}),
    "block_language": thing(Block, data={"language": "fr"}),
    "block_bring_back": thing(Block, data={"number": "1"}),
    "block_renew": thing(Block),
    "block_archive": thing(Block),
    "block_restore": thing(Block),
    "source_list": page(),
    "source_new": page(**SOURCE),
    "source_detail": thing(Source),
    "source_edit": thing(Source, data=SOURCE),
    "source_try": thing(Source, data={"who": "same@both.test"}),
    "source_remove": thing(Source),
    # delivery
    "settings_caps": page(),
    "cap_new": page(**CAP),
    "cap_change": thing(FrequencyCap, data=CAP),
    "cap_remove": thing(FrequencyCap),
    "settings_quiet_hours": page(quiet_start="21:00", quiet_end="08:00"),
    "settings_mail_server": page(),
    "mail_server_try": page(),
    "mail_server_remove": page(),
    "settings_speed": page(per_minute="60"),
    "inbox": page(),
    "inbox_message": thing_at(lambda world: {"public_id": world.mail}),
    "inbox_frame": thing_at(lambda world: {"public_id": world.mail}),
    "open_pixel": public("a signed link in a mail", token="nobody-made-this"),
    "follow_link": public("a signed link in a mail", token="nobody-made-this"),
    "unsubscribe": public("a signed link in a mail", token="nobody-made-this"),
    "resubscribe": public("a signed link in a mail", token="nobody-made-this"),
    # results
    "campaign_people": thing(Campaign),
    "campaign_why": thing(Campaign),
    "profile_why": thing(Profile),
    "campaign_alarms": thing(Campaign),
    "alarms": page(),
    "alarm_count": page(),
    "alarm_lines": page(),
    "campaign_progress": thing(Campaign),
    "campaign_results_csv": thing(Campaign),
    # campaigns
    "campaign_list": page(),
    "campaign_new": page(name="Spring"),
    "campaign_frame": page(),
    "campaign_detail": thing(Campaign),
    "campaign_details": thing(Campaign),
    "campaign_edit": thing(Campaign),
    "campaign_audience": thing(Campaign, data={"audience": "everyone", "control_percent": "10"}),
    "campaign_count": thing(Campaign),
    "campaign_message": thing(Campaign),
    "campaign_variant_add": thing(Campaign),
    "campaign_variant": thing(Campaign, key="a"),
    "campaign_preview_draft": thing(Campaign, data=WORDS, key="a"),
    "campaign_shortfalls": thing(Campaign, key="a"),
    "campaign_lacking": thing(Campaign, key="a"),
    "campaign_review_lacking": thing(Campaign),
    "campaign_worst_cases": thing(Campaign, data=WORDS, key="a"),
    "campaign_worst_case": thing(Campaign, data=WORDS, key="a", case="longest"),
    "campaign_preview_people": thing(Campaign, key="a"),
    "campaign_test": thing(Campaign, data=WORDS, key="a"),
    "campaign_variant_change": thing(Campaign, data={"variant-name": "A", "variant-weight": "50"}, key="a"),
    "campaign_order": thing(Campaign, data={"order": "a"}, key="a"),
    "campaign_variant_remove": thing(Campaign, key="a"),
    "campaign_texts": thing(Campaign),
    "campaign_texts_export": thing(Campaign, data={"language": "pt"}),
    "campaign_texts_import": thing(Campaign, data={"again": "x"}),
    "campaign_languages": thing(Campaign, key="a"),
    "campaign_language_add": thing(Campaign, data={"language": "pt"}, key="a"),
    "campaign_language_remove": thing(Campaign, data={"language": "pt"}, key="a"),
    "campaign_language_default": thing(Campaign, data={"language": "pt"}, key="a"),
    "campaign_schedule": thing(Campaign, data={"when": "now", "lateness_hours": "24"}),
    "campaign_schedule_words": thing(Campaign),
    "campaign_goal": thing(Campaign),
    "campaign_review": thing(Campaign),
    "campaign_preview": thing(Campaign, key="a"),
    "campaign_launch": thing(Campaign),
    "campaign_pause": thing(Campaign),
    "campaign_resume": thing(Campaign),
    "campaign_stop": thing(Campaign),
    "campaign_duplicate": thing(Campaign),
    "campaign_archive": thing(Campaign),
    "campaign_restore": thing(Campaign),
    "campaign_new_version": thing(Campaign),
}

# Whole families, by the beginning of their names.
FAMILIES: dict[str, Route] = {
    "account_": platform("accounts of people, by allauth"),
    "mfa_": platform("second factors of people, by allauth"),
    "admin:": platform("test_admin.py walks it"),
}
# Sub-forms post these, whatever the page: each gets another tenant's ids.
NAMES_OF_THINGS: dict[str, type[Any]] = {
    "segment": Segment,
    "place": Place,
    "trigger-place": Place,
    "campaign": Campaign,
    "profile": Profile,
    "person": Profile,
    "as": Profile,
    "audience": Segment,
    "variant-segment": Segment,
    "import": Import,
    "member": Membership,
    "key": ApiKey,
    "invitation": Invitation,
    "cap": FrequencyCap,
    "source": Source,
}


def route_of(name: str) -> Route | None:
    """Return the registry's line for an address, or its family's."""
    if name in ROUTES:
        return ROUTES[name]
    return next((route for prefix, route in FAMILIES.items() if name.startswith(prefix)), None)
