"""A file is read as it is, its columns are guessed and mapped, its cells read as their kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audiences.imports import cells, csv_files, lifecycle, mapping
from audiences.imports.mapping import Target
from audiences.models import Import, Profile, RefusedRow
from tenants.models import Tenant, User

ClientOf = Callable[..., Client]
Found = Callable[[str, str], Profile]


# --- Reading -------------------------------------------------------------------------------------
NAMES = "email,first_name\nzoe@example.test,Zoë\nrené@example.test,René\n".replace("rené@", "rene@")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(NAMES.encode(), id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + NAMES.encode(), id="with a byte order mark"),
        pytest.param(NAMES.encode("cp1252"), id="Windows"),
        pytest.param(NAMES.encode("utf-16"), id="UTF-16"),
        pytest.param(NAMES.replace(",", ";").encode(), id="semicolons"),
        pytest.param(NAMES.replace(",", "\t").encode(), id="tabs"),
        pytest.param(NAMES.replace("\n", "\r\n").encode(), id="Windows lines"),
        pytest.param(NAMES.replace("\n", "\r").encode(), id="old Mac lines"),
        pytest.param(NAMES.replace("\n", "\n\n , \n").encode(), id="blank lines between"),
        pytest.param(f"\n,,\n{NAMES}".encode(), id="blank lines above"),
        pytest.param(NAMES.rstrip().encode(), id="no end of line"),
    ],
)
def test_a_file_is_read_whatever_program_wrote_it(stored: Callable[..., Import], data: bytes) -> None:
    done = stored(data)
    assert (done.state, done.rows_total, done.rows_refused) == ("done", 2, 0)
    assert dict(Profile.objects.values_list("email", "first_name")) == {
        "zoe@example.test": "Zoë",
        "rene@example.test": "René",
    }


@pytest.mark.parametrize(
    "data,said",
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b",,\n,,\n", "empty"),
        (b"PK\x03\x04\x00\x00\x00", "not text"),
        (b"email,email\na@example.test,b@example.test\n", "Two columns are called"),
        (b",".join(b"c%d" % n for n in range(201)), "201 columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(
    client_of: ClientOf, data: bytes, said: str, tenant: Tenant
) -> None:
    page = client_of("marketer").post(
        "/imports/upload/", {"file": SimpleUploadedFile("x.csv", data)}, follow=True
    )
    assert said in page.content.decode()
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused_unread(
    uploaded: Callable[..., Import], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "MAX_BYTES", 1024 * 1024)
    with pytest.raises(csv_files.NotCsv, match="larger than 1 MB"):
        uploaded(b"email\n" + b"x" * 1024 * 1024)


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_a_quotation_mark_left_open_swallows_no_rows(stored: Callable[..., Import], is_dry_run: bool) -> None:
    done = stored('id,name\nu1,Ada\nu2,"Bob\nu3,Eve\nu4,Zoe\n', is_dry_run=is_dry_run)
    assert (done.state, done.rows_done) == ("failed", 0)
    assert "Line 3 opens a quotation mark" in done.error
    assert not Profile.objects.exists()


def test_lines_are_numbered_as_an_editor_does(stored: Callable[..., Import]) -> None:
    done = stored('email,note\na@example.test,"two\nlines"\n\nwrong,x\n,"y\nz"\nb@example.test,ok\n')
    refused = RefusedRow.objects.order_by("number").values_list("number", "reason")
    assert list(refused) == [
        (5, "email: is not an email address"),
        (6, "has neither external id nor email nor phone number"),
    ]
    assert (done.rows_total, done.rows_refused, done.profiles_created) == (4, 2, 2)
    assert Profile.objects.get(email="a@example.test").attributes == {"note": "two\nlines"}


# --- Guessing and mapping ------------------------------------------------------------------------
def test_columns_are_guessed_from_names_and_values(uploaded: Callable[..., Import]) -> None:
    made = uploaded(
        "User ID,E-Mail,Vorname,Last Name,Orders,Member since,VIP,Postcode,Newsletter,Country Code,Mail\n"
        "1,a@example.test,A,B,12,2026-01-05,yes,01234,no,DE,x\n"
        "2,b@example.test,C,D,3.5,05.02.2026,no,99999,yes,FR,y\n"
    )
    assert mapping.loaded(made.mapping) == {
        "User ID": Target("external_id"),
        "E-Mail": Target("email"),
        "Vorname": Target("first_name"),
        "Last Name": Target("last_name"),
        "Orders": Target("orders", "number"),
        "Member since": Target("member_since", "time"),
        "VIP": Target("vip", "boolean"),
        "Postcode": Target("postcode", "text"),
        "Newsletter": Target("consent:email"),
        "Country Code": Target("country"),
        "Mail": Target(""),
    }


def test_what_we_find_out_ourselves_is_guessed_to_be_left_out(uploaded: Callable[..., Import]) -> None:
    made = uploaded("id,last_seen_at,Located at\nu1,2026-01-05,2026-01-05\n")
    assert [target.name for target in mapping.loaded(made.mapping).values()] == ["external_id", "", ""]


@pytest.mark.parametrize("cell", ["2026-W01-1", "2026W011", "2026-W01-1T10:00", "0202-06-01", "2026-02-30"])
def test_what_rules_read_as_no_time_is_none(uploaded: Callable[..., Import], cell: str) -> None:
    assert cells.parsed(cell, "time") is None
    made = uploaded(f"id,since\n7,{cell}\n")
    assert mapping.loaded(made.mapping)["since"].kind == "text"


def test_values_are_stored_as_their_kind(stored: Callable[..., Import], found: Found) -> None:
    stored(
        "id;orders;score;vip;since;code;city;left\n7;12;3,5;Yes;05.02.2026;007;Paris;x\n",
        left=Target(""),
        orders=Target("orders", "number"),
        vip=Target("vip", "boolean"),
    )
    profile = found("external_id", "7")
    assert profile.city == "Paris"
    assert profile.attributes == {
        "orders": 12,
        "score": 3.5,
        "vip": True,
        "since": "2026-02-05",
        "code": "007",
    }


def test_columns_named_with_a_dot_are_parts_of_one_attribute(
    stored: Callable[..., Import], found: Found
) -> None:
    stored("id,plan.tier,plan.seats,address.street\n7,gold,3,Baker Street\n")
    attributes = found("external_id", "7").attributes
    assert attributes == {"plan": {"tier": "gold", "seats": 3}, "address": {"street": "Baker Street"}}


def test_a_value_not_of_its_kind_refuses_the_row_with_the_columns_name(stored: Callable[..., Import]) -> None:
    stored("id,Orders so far\n1,12\n2,many\n", **{"Orders so far": Target("orders", "number")})
    assert RefusedRow.objects.get().reason == "Orders so far: “many” is not a number"
    assert Profile.objects.count() == 1


@pytest.mark.parametrize("cell", ["1,234", "-12,345", "1,234,567"])
def test_a_number_that_may_have_thousands_is_not_guessed_at(
    uploaded: Callable[..., Import], stored: Callable[..., Import], cell: str
) -> None:
    file = f'id,spent\n1,950\n2,"{cell}"\n3,"0,123"\n'
    assert mapping.loaded(uploaded(file).mapping)["spent"] == Target("spent", "text")
    stored(file, spent=Target("spent", "number"))
    assert RefusedRow.objects.get().reason == f"spent: “{cell}” is not a number"
    kept = Profile.objects.order_by("external_id").values_list("external_id", "attributes")
    assert list(kept) == [("1", {"spent": 950}), ("3", {"spent": 0.123})]


@pytest.mark.parametrize(
    "columns,said",
    [
        ({"email": Target("city")}, "tells who is meant"),
        ({"plan": Target("email")}, "Two columns go to"),
        ({"plan": Target("x" * 256)}, "cannot be the name"),
        ({"plan": Target("plan", "colour")}, "cannot be the name"),
        ({"plan": Target("plan..tier")}, "dots"),
        ({"plan": Target("last_seen_at")}, "finds out “last_seen_at” by itself"),
    ],
)
def test_columns_that_make_no_sense_are_refused(
    uploaded: Callable[..., Import], owner: User, columns: dict[str, Target], said: str
) -> None:
    made = uploaded("email,plan\na@example.test,pro\n")
    with pytest.raises(mapping.BadMapping, match=said):
        lifecycle.start(
            import_=made, columns=mapping.loaded(made.mapping) | columns, is_dry_run=True, actor=owner
        )
