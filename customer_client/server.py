"""The reference CustomerService: the list of INVALID_CUSTOMERS served over the contract in `openapi.yaml`."""

import hmac
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import django
import msgspec
from django.conf import settings

from customer_client.client import Standing
from customer_client.listed import ListedCustomers
from customer_client.wire import CUSTOMER_UNKNOWN, PROBLEM, CustomerBody, ProblemBody
from remote_calls.service import JSON

OPENAPI: Final = Path(__file__).parent / "openapi.yaml"
# All that stands there is meant as the id, slashes and line breaks too.
_CUSTOMER: Final = re.compile(r"/customers/(.+)", re.DOTALL)
_STOREFRONT: Final = re.compile(r"(?=.{1,40}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_MOST_LETTERS: Final = 200
_TITLES: Final = {
    400: "The request cannot be read.",
    401: "The bearer token is missing or wrong.",
    404: "There is nothing here.",
    405: "The method is not allowed here.",
}


class _Problem(Exception):
    def __init__(self, status: int, code: str, detail: str, *headers: tuple[str, str]) -> None:
        self.body = ProblemBody(status, code, _TITLES[status], detail)
        self.headers = headers
        super().__init__(detail)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A WSGI application."""
    try:
        content_type, body = _answer(environ)
        start_response("200 OK", _headers(content_type, body))
    except _Problem as problem:
        body = msgspec.json.encode(problem.body)
        start_response(f"{problem.body.status} {problem.body.code}", [*_headers(PROBLEM, body), *problem.headers])
    return [body]


def _headers(content_type: str, body: bytes) -> list[tuple[str, str]]:
    return [("Content-Type", content_type), ("Content-Length", str(len(body)))]


def get_application() -> object:
    """For servers that start from nothing but this module's name (DJANGO_SETTINGS_MODULE must be set)."""
    django.setup(set_prefix=False)
    return application


def _answer(environ: WSGIEnvironment) -> tuple[str, bytes]:
    """Content type and body. Raises _Problem."""
    try:
        path = environ["PATH_INFO"].encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise _Problem(400, "malformed_request", "The path is not UTF-8.") from error
    customer = _CUSTOMER.fullmatch(path)
    if not customer and path not in ("/healthz", "/openapi.yaml"):
        raise _Problem(404, "path_unknown", "There is nothing at this path.")
    if environ["REQUEST_METHOD"] != "GET":
        raise _Problem(405, "method_not_allowed", "Allowed here: GET.", ("Allow", "GET"))
    if path == "/healthz":
        return "text/plain", b"ok"
    if not customer:
        return "application/yaml", OPENAPI.read_bytes()
    _check_token(environ)
    _check_request(customer[1], environ["QUERY_STRING"])
    return JSON, _customer(customer[1])


def _check_request(customer_id: str, query: str) -> None:
    parameters = parse_qs(query, keep_blank_values=True)
    (storefront,) = parameters.get("storefront", [""])[-1:]
    if parameters.keys() != {"storefront"} or not _STOREFRONT.fullmatch(storefront):
        raise _Problem(400, "malformed_request", "Expected storefront=<its code>, and no other parameter.")
    if len(customer_id) > _MOST_LETTERS:
        raise _Problem(400, "malformed_request", f"A customer's id has {_MOST_LETTERS} letters at most.")


def _customer(customer_id: str) -> bytes:
    """Every storefront has the same customers here."""
    if ListedCustomers(settings.INVALID_CUSTOMERS).ask([customer_id], storefront="")[customer_id] != Standing.ACTIVE:
        raise _Problem(404, CUSTOMER_UNKNOWN, f"There is no customer {customer_id}.")
    return msgspec.json.encode(CustomerBody(customer_id, active=True))


def _check_token(environ: WSGIEnvironment) -> None:
    given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
    if settings.CUSTOMER_TOKEN and not hmac.compare_digest(given, f"Bearer {settings.CUSTOMER_TOKEN}".encode()):
        problem = ("WWW-Authenticate", "Bearer")
        raise _Problem(401, "unauthorized", "Send the token as Authorization: Bearer ….", problem)
