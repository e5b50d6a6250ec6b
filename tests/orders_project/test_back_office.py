import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client

pytestmark = pytest.mark.urls("tests.orders_project.routes")


def test_an_api_request_has_neither_session_nor_user(client: Client):
    response = client.get("/echo")

    assert (response.json()["has_session"], response.json()["has_user"]) == (False, False)


def test_a_staff_page_has_a_session_and_a_user(client: Client):
    response = client.get("/admin/echo")

    assert (response.json()["has_session"], response.json()["has_user"]) == (True, True)


@pytest.mark.django_db
def test_staff_can_sign_in_and_stay_signed_in(client: Client):
    User.objects.create_superuser("ann", password="a long password")

    signed_in = client.post("/admin/login/?next=/admin/", {"username": "ann", "password": "a long password"})
    page = client.get("/admin/password_change/")

    assert (signed_in.status_code, signed_in.headers["Location"]) == (302, "/admin/")
    assert signed_in.cookies["sessionid"]["samesite"] == "Lax"
    assert signed_in.cookies["sessionid"]["httponly"] is True
    assert page.status_code == 200


@pytest.mark.django_db
def test_a_staff_session_means_nothing_to_the_api(client: Client):
    client.force_login(User.objects.create_superuser("ann", password="a long password"))

    response = client.get("/echo")

    assert response.json()["has_user"] is False


def test_the_admins_own_checks_find_their_middleware():
    missing = [message.id for message in run_checks() if message.id and message.id.startswith("admin.E4")]

    assert missing == []
