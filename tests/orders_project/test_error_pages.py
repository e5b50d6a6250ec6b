import pytest
from django.contrib.auth.models import User
from django.core.exceptions import DisallowedHost
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from orders_project import error_pages

pytestmark = pytest.mark.urls("tests.orders_project.routes")


@pytest.fixture(params=[False, True], ids=["production", "debug"])
def client(request: pytest.FixtureRequest, settings: Settings) -> Client:
    """What a caller is told must not depend on DEBUG."""
    settings.DEBUG = request.param
    return Client(raise_request_exception=False)


def test_an_unknown_path_is_a_problem_with_every_member(client: Client):
    response = client.get("/no%20where/%C3%BC", headers={"X-Request-ID": "abc", "Accept": "text/html"})

    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Content-Length"] == str(len(response.content))
    assert response.json() == {
        "type": "/api/problems#not_found",
        "title": "Nothing is here",
        "status": 404,
        "detail": "No route of this service has this path. GET /api/schema/ lists the routes.",
        "instance": "/no%20where/%C3%BC",
        "code": "not_found",
        "request_id": "abc",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/bad", 400, "bad_request"),
        ("/forbidden", 403, "forbidden"),
        ("/boom", 500, "internal_error"),
    ],
)
def test_a_failing_view_gives_nothing_away(client: Client, path: str, status: int, code: str):
    response = client.get(path)

    assert (response.status_code, response.json()["status"], response.json()["code"]) == (
        status,
        status,
        code,
    )
    assert b"secret detail" not in response.content
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_mistake_in_our_sql_is_no_outage(client: Client):
    response = client.get("/wrong-sql")

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert b"secret_detail" not in response.content


def test_a_crash_is_logged_once_with_its_traceback(client: Client, caplog: pytest.LogCaptureFixture):
    client.get("/boom")

    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert (record.levelname, record.exc_info is not None) == ("ERROR", True)


@pytest.mark.django_db
def test_an_unreachable_database_asks_to_come_back_in_five_seconds(client: Client):
    response = client.get("/unreachable-database")

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response.headers["Retry-After"] == "5"
    assert b"127.0.0.1" not in response.content


@pytest.mark.django_db
def test_a_database_that_takes_too_long_asks_to_come_back_in_one_second(client: Client):
    response = client.get("/slow-database")

    assert (response.status_code, response.json()["code"]) == (503, "database_busy")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("57P01", 503, "database_unavailable"),  # shutting down
        ("53300", 503, "database_unavailable"),  # no connection left
        ("08006", 503, "database_unavailable"),  # connection lost
        ("55P03", 503, "database_busy"),  # lock timeout
        ("40P01", 503, "database_busy"),  # deadlock
        ("40001", 503, "database_busy"),  # serialization failure
        ("57P03", 503, "database_unavailable"),  # starting
        ("57P04", 503, "database_unavailable"),  # database dropped
        ("25P03", 503, "database_unavailable"),  # the transaction idled too long
        ("25006", 503, "database_read_only"),
        ("53100", 503, "database_full"),  # disk full
        ("53200", 503, "database_full"),  # out of memory
        ("23505", 500, "internal_error"),  # unique violation
    ],
)
def test_a_database_error_says_whether_to_come_back(client: Client, state: str, status: int, code: str):
    response = client.get(f"/database-fails/{state}")

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert b"secret detail" not in response.content


def test_a_body_over_the_limit_is_refused_by_its_size(client: Client, settings: Settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    response = client.post("/body", b"x" * 101, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert response.json()["detail"] == (
        "The body is larger than the 100 bytes this service reads. Send it in smaller parts."
    )


def test_an_unknown_host_name_is_refused(client: Client):
    response = client.get("/echo", headers={"Host": "evil.example"})

    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert b"evil.example" not in response.content


def test_a_wrong_method_says_which_are_right(client: Client):
    response = client.delete("/only-get")

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET"


@pytest.fixture
def staff(client: Client) -> Client:
    """Signed in, and a member of no group."""
    user = User.objects.create_user("ann", is_staff=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("get", "/admin/nowhere/", 404, "Nothing is here"),
        ("get", "/admin/orders/order/", 403, "You may not do this"),
        ("get", "/admin/logout/", 405, "This page cannot be opened like this"),
        ("get", "/admin/boom", 500, "The service failed"),
        ("get", "/admin/missing-database", 503, "The database cannot be reached"),
    ],
)
@pytest.mark.parametrize("client", [False], indirect=True, ids=["production"])
def test_staff_read_refusals_in_the_layout_with_a_way_back(
    staff: Client, method: str, path: str, status: int, title: str
):
    response = getattr(staff, method)(path, headers={"Referer": "http://testserver/admin/", "X-Request-ID": "abc"})

    page = response.content.decode()
    assert (response.status_code, title in page) == (status, True)
    assert 'id="nav-sidebar"' in page
    assert "Back to where you were" in page
    assert "abc" in page
    assert "secret detail" not in page


@pytest.mark.django_db
def test_what_is_not_there_is_told_alike_with_debug(staff: Client):
    response = staff.get("/admin/nowhere/")

    assert (response.status_code, "Nothing is here" in response.content.decode()) == (404, True)


@pytest.mark.django_db
def test_the_way_back_leads_to_no_other_site(staff: Client):
    for referer in ("https://evil.example/admin/", "http://testserver/api/", "//evil.example/admin/"):
        assert b"Back to where you were" not in staff.get("/admin/nowhere/", headers={"Referer": referer}).content


@pytest.mark.django_db
def test_a_form_without_its_mark_is_refused_in_words():
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(
        User.objects.create_user("ann", is_staff=True), backend="django.contrib.auth.backends.ModelBackend"
    )

    response = forged.post("/admin/logout/")

    page = response.content.decode()
    assert (response.status_code, "This form was not accepted" in page) == (403, True)
    assert 'id="nav-sidebar"' in page
    assert "Open the page again" in page
    assert forged.get("/admin/echo").json()["has_user"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/boom", "/admin/login/"])
def test_strangers_read_what_happened_and_nothing_else(path: str, settings: Settings):
    settings.DEBUG = False
    stranger = Client(raise_request_exception=False, enforce_csrf_checks=True)

    page = stranger.post(path, {"username": "ann"}).content.decode()

    assert "To the sign-in" in page
    assert 'id="nav-sidebar"' not in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"), [("/admin/nowhere", 302), ("/admin/boom", 500), ("/admin/missing-database", 503)]
)
def test_staff_pages_keep_their_html(client: Client, path: str, status: int):
    response = client.get(path)

    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")


def test_an_unknown_host_name_has_a_code_of_its_own(rf: RequestFactory):
    response = error_pages.bad_request(rf.get("/echo"), DisallowedHost("evil.example"))

    assert b'"code":"host_not_allowed"' in response.content
