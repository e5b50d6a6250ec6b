"""Events as API Gateway sends them to Lambda, in both its formats, with all their parts, after its documentation."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl, quote

HOST = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
CLIENT = "203.0.113.7"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_OF_GATEWAY = {
    "host": HOST,
    "user-agent": _AGENT,
    "x-amzn-trace-id": "Root=1-692d1f3b-3f2d8b6e7a5c4d1e2f3a4b5c",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}


def event_of(
    version: str,
    method: str,
    path: str,
    *,
    query: str = "",
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
    cookies: list[str] | None = None,
    forwarded_for: str = CLIENT,
) -> dict[str, Any]:
    """`version` is 1.0, of a REST API, or 2.0, of an HTTP API. A body of bytes comes in base64."""
    make = _rest_event if version == "1.0" else _http_event
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    told = _OF_GATEWAY | {"x-forwarded-for": forwarded_for} | sent
    encoded = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return make(method, path, query, told, cookies or []) | {"body": text, "isBase64Encoded": encoded}


def _rest_event(method: str, path: str, query: str, headers: dict[str, str], cookies: list[str]) -> dict[str, Any]:
    if cookies:
        headers = headers | {"Cookie": "; ".join(cookies)}
    pairs = parse_qsl(query, keep_blank_values=True)
    named = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": named or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "resourceId": "0a1b2c",
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "extendedRequestId": "UZkc5H3rDoEFZ1Q=",
            "requestTime": "01/Dec/2026:01:00:00 +0000",
            "path": f"/production{path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "production",
            "domainPrefix": "a1b2c3d4e5",
            "requestTimeEpoch": 1_796_086_800_000,
            "requestId": "7c2f1d3e-8a4b-4c5d-9e6f-0a1b2c3d4e5f",
            "identity": {
                "cognitoIdentityPoolId": None,
                "accountId": None,
                "cognitoIdentityId": None,
                "caller": None,
                "sourceIp": CLIENT,
                "principalOrgId": None,
                "accessKey": None,
                "cognitoAuthenticationType": None,
                "cognitoAuthenticationProvider": None,
                "userArn": None,
                "userAgent": _AGENT,
                "user": None,
            },
            "domainName": HOST,
            "deploymentId": "4d5e6f",
            "apiId": "a1b2c3d4e5",
        },
    }


def _http_event(method: str, path: str, query: str, headers: dict[str, str], cookies: list[str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": quote(path),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": HOST,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": _AGENT,
            },
            "requestId": "UZkgFhUOjoEEPvQ=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Dec/2026:01:00:00 +0000",
            "timeEpoch": 1_796_086_800_000,
        },
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
    return event
