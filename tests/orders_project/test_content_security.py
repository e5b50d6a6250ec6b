import pytest
from django.test import Client

pytestmark = pytest.mark.urls("tests.orders_project.routes")


@pytest.mark.parametrize("path", ["/echo", "/nowhere", "/boom"])
def test_an_api_answer_may_load_nothing(client: Client, path: str):
    client.raise_request_exception = False

    response = client.get(path)

    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_documentation_may_load_our_own_scripts(client: Client):
    policy = client.get("/api/").headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "worker-src 'self' blob:;" in policy


def test_staff_pages_may_evaluate_expressions_but_run_no_inline_script(client: Client):
    policy = client.get("/admin/echo").headers["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval';" in policy
    assert "style-src 'self' 'unsafe-inline';" in policy
    assert "frame-ancestors 'none'" in policy
