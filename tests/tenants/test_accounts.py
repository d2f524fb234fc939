"""Accounts: sign in by address, a second factor if wanted, a way back in by mail, and no way in uninvited."""

import re
from collections.abc import Callable, Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tenants.models import User
from tenants.roles import Role
from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _no_earlier_attempts() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(browser: Client, email: str, password: str = PASSWORD) -> bool:
    browser.post(LOGIN, {"login": email, "password": password})
    return "_auth_user_id" in browser.session


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def test_one_signs_in_by_address_whatever_its_case(owner: User):
    assert sign_in(Client(), owner.email.upper())
    assert not sign_in(Client(), owner.email, "wrong")


def test_a_wrong_password_and_no_account_look_the_same(owner: User):
    wrong, nobody = (
        Client().post(LOGIN, {"login": email, "password": "x"}).content.decode()
        for email in (owner.email, "no@x.test")
    )
    said = re.compile(r"The email address and/or password[^<]+")
    assert said.findall(wrong) == said.findall(nobody) != []


def test_a_deactivated_account_stays_out(owner: User):
    User.objects.update(is_active=False)
    assert not sign_in(Client(), owner.email)


def test_after_five_wrong_passwords_even_the_right_one_waits(owner: User):
    browser = Client()
    for _ in range(5):
        sign_in(browser, owner.email, "wrong")
    assert not sign_in(browser, owner.email)
    cache.clear()
    assert sign_in(browser, owner.email)


def test_nobody_signs_up_uninvited(db: None):
    new = {"email": "new@x.test", "password1": "a long enough secret", "password2": "a long enough secret"}
    browser = Client()
    assert "By invitation only" in browser.get(reverse("account_signup")).content.decode()
    browser.post(reverse("account_signup"), new)
    assert not User.objects.exists()


def test_a_forgotten_password_is_replaced_by_a_link_in_a_mail(owner: User):
    browser = Client()
    browser.post(reverse("account_reset_password"), {"email": owner.email})
    assert mail.outbox[0].to == [owner.email]
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link
    landed = browser.get(link[1], follow=True)
    new = {"password1": "another long secret", "password2": "another long secret"}
    browser.post(landed.request["PATH_INFO"], new)
    assert sign_in(Client(), owner.email, "another long secret")
    assert not sign_in(Client(), owner.email)
    assert Client().post(landed.request["PATH_INFO"], new).status_code in (
        200,
        302,
    )  # a used link changes nothing
    assert sign_in(Client(), owner.email, "another long secret")


def test_asking_for_an_unknown_address_tells_nothing_and_mails_nobody(owner: User):
    answers = [
        Client().post(reverse("account_reset_password"), {"email": email})
        for email in (owner.email, "no@x.test")
    ]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert [message.to for message in mail.outbox] == [[owner.email]]


def test_a_second_factor_is_asked_for_once_there_is_one(owner: User, client_of: Callable[..., Client]):
    browser = Client()
    sign_in(browser, owner.email)
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = browser.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert browser.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}).status_code == 302

    again = Client()
    assert not sign_in(again, owner.email)
    assert again.get(reverse("home")).status_code == 302
    again.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "_auth_user_id" not in again.session
    cache.clear()  # a code counts once, and time does not pass here
    again.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert "_auth_user_id" in again.session


def test_nobody_takes_an_address_that_is_another_accounts(owner: User, make_member: Callable[..., User]):
    other = make_member(Role.ANALYST)
    browser = Client()
    sign_in(browser, other.email)
    for address in (owner.email, owner.email.upper()):
        browser.post(reverse("account_email"), {"action_add": "", "email": address})
        browser.post(reverse("account_email"), {"action_primary": "", "email": address})
    other.refresh_from_db()
    assert other.email == f"analyst-{other.memberships.get().tenant_id}@example.test"
    assert sign_in(Client(), owner.email)


def test_one_moves_to_another_address_only_once_it_is_confirmed(owner: User):
    browser = Client()
    sign_in(browser, owner.email)
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    old, new = owner.email, "moved@example.test"
    browser.post(reverse("account_email"), {"action_add": "", "email": new})
    browser.post(reverse("account_email"), {"action_primary": "", "email": new})
    owner.refresh_from_db()
    assert owner.email == old
    link = re.search(r"http://testserver(/\S+confirm-email\S+)", str(mail.outbox[-1].body))
    assert link
    assert mail.outbox[-1].to == [new]
    browser.post(link[1])
    browser.post(reverse("account_email"), {"action_primary": "", "email": new})
    owner.refresh_from_db()
    assert owner.email == new


@pytest.mark.parametrize(
    "name", ["account_email", "account_change_password", "mfa_index", "account_reauthenticate"]
)
def test_the_pages_of_ones_own_account_open(name: str, owner: User):
    browser = Client()
    sign_in(browser, owner.email)
    assert browser.get(reverse(name)).status_code == 200


def test_signing_out_needs_a_post(owner: User):
    browser = Client()
    sign_in(browser, owner.email)
    browser.get(reverse("account_logout"))
    assert "_auth_user_id" in browser.session
    browser.post(reverse("account_logout"))
    assert "_auth_user_id" not in browser.session
