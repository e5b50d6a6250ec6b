"""The examples in the OpenAPI document are what the service answers, and what the document says it answers.

After a change that is meant, `WRITE_EXAMPLES=1` before pytest writes the answers anew; ids and moments stay.
"""

from __future__ import annotations

import os
import re
from typing import Any

import orjson
import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from orders.api.examples import STORY_PATH

STORY = orjson.loads(STORY_PATH.read_bytes())
# Other ones in each run: ids, order numbers, keys; and moments.
DRAWN = (
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    re.compile(r"AU-[0-9A-Z]{10}"),
    re.compile(r"key:\w{8}"),
    re.compile(r"whsec_[\w+/=]{44}"),
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
REQUEST_ID = "b2f0c6d49e7a4c1f8a35d17e60c9b842"


@pytest.fixture(scope="module")
def document() -> Any:
    return orjson.loads(Client(headers={"Accept": "application/json"}).get("/api/schema/").content)


def test_every_scene_of_the_story_is_what_the_service_answers(document, api, stock):
    stock(abc123=10, outOfStock=0)
    routes = {
        route["operationId"]: (method, path)
        for path, methods in document["paths"].items()
        for method, route in methods.items()
    }
    shown: dict[str, str] = {}  # what was drawn in this run, and what stands for it in the story
    played = []
    for scene in STORY:
        method, template = routes[scene["operation_id"]]
        path = re.sub(r"{\w+}", scene.get("order", ""), template)
        body = orjson.dumps(scene["request"]).decode() if "request" in scene else ""
        for drawn, told in shown.items():
            path, body = path.replace(told, drawn), body.replace(told, drawn)
        response = api.generic(
            method.upper(),
            f"{path}?{scene.get('query', '')}",
            body,
            content_type="application/json",
            headers={"X-Request-ID": REQUEST_ID, **scene.get("headers", {})},
        )
        assert response.status_code == scene["status"], response.content
        described = document["paths"][template][method]["responses"][str(scene["status"])]["headers"]
        assert response.headers.keys() & document["components"]["headers"].keys() <= described.keys()
        played.append({**scene, "answer": as_told(response.json(), scene["answer"], shown)})

    if os.environ.get("WRITE_EXAMPLES"):
        STORY_PATH.write_bytes(orjson.dumps(played, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        assert played == STORY


def as_told(answer: Any, told: Any, shown: dict[str, str]) -> Any:
    """The answer, with what the story has in the place of each drawn text: always the same for the same."""
    match answer:
        case dict():
            parts = told if isinstance(told, dict) else {}
            return {name: as_told(value, parts.get(name), shown) for name, value in answer.items()}
        case list():
            parts = dict(enumerate(told)) if isinstance(told, list) else {}
            return [as_told(value, parts.get(index), shown) for index, value in enumerate(answer)]
        case str():
            if isinstance(told, str) and MOMENT.fullmatch(answer) and MOMENT.fullmatch(told):
                return told
            if isinstance(told, str) and any(kind.fullmatch(answer) and kind.fullmatch(told) for kind in DRAWN):
                return shown.setdefault(answer, told)
            for drawn, known in shown.items():
                answer = answer.replace(drawn, known)
    return answer


@pytest.mark.skipif(
    "WRITE_EXAMPLES" in os.environ, reason="the document still has the examples as they were: run it again"
)
def test_every_example_is_as_its_schema_says(document):
    shown = list(_examples(document))

    assert len(shown) == sum(1 + ("request" in scene and scene["status"] != 400) for scene in STORY)
    for where, schema, value in shown:
        validator = Draft202012Validator(
            {**schema, "components": document["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        assert [f"{where}: {error.message}" for error in validator.iter_errors(value)] == []


def _examples(document: Any) -> Any:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            for part, spoken in {"request": route.get("requestBody", {}), **route["responses"]}.items():
                for media_type, content in spoken.get("content", {}).items():
                    for name, example in content.get("examples", {}).items():
                        yield f"{method} {path} {part} {media_type} {name}", content["schema"], example["value"]
