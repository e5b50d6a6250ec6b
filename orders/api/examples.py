"""The examples in the OpenAPI document: a story, told in requests and in what the service answers to them.

tests/test_openapi_examples.py plays it and compares the answers.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import orjson
from drf_spectacular.utils import OpenApiExample

STORY_PATH: Final = Path(__file__).parent / "examples.json"


def _examples() -> dict[str, list[OpenApiExample]]:
    """By operation id; of each scene the request, if it has a body, and the answer."""
    examples: defaultdict[str, list[OpenApiExample]] = defaultdict(list)
    for scene in orjson.loads(STORY_PATH.read_bytes()):
        told = examples[scene["operation_id"]]
        headers = " and ".join(f"`{name}: {value}`" for name, value in scene.get("headers", {}).items())
        description = f"With {headers}." if headers else ""
        # What is refused with a 400 is no example of how to ask.
        if "request" in scene and scene["status"] != 400:
            told.append(OpenApiExample(scene["name"], scene["request"], description=description, request_only=True))
        told.append(
            OpenApiExample(
                scene["name"],
                scene["answer"],
                description=description,
                response_only=True,
                status_codes=[str(scene["status"])],
                media_type="application/json" if scene["status"] < 400 else "application/problem+json",
            )
        )
    return dict(examples)


EXAMPLES: Final = _examples()
