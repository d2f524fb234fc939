"""Under a host that is not ours: nothing is answered but why, to people on a page and to programs as an error."""

from django.test import Client

ELSEWHERE = {"Host": "elsewhere.example.com"}


def test_people_are_told_which_setting_names_our_hosts(client: Client):
    answer = client.get("/accounts/login/", headers=ELSEWHERE)
    assert answer.status_code == 400
    assert "TACT_ALLOWED_HOSTS" in answer.content.decode()
    assert "Go to Home" not in answer.content.decode()  # it would lead to the same page


def test_programs_get_an_error_of_the_api(client: Client):
    answer = client.get("/api/v1/profiles", headers=ELSEWHERE)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]) == ("no_such_host", [])
    assert "TACT_ALLOWED_HOSTS" in error["message"]
