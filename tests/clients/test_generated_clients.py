"""Clients made from the OpenAPI document drive the running service, with their types alone."""

from __future__ import annotations

import os
import shutil
import subprocess

import orjson
import pytest

from tests.clients.toolchain import NODE_MODULES, PYTHON, TYPESCRIPT, VENV, npx, run

pytestmark = pytest.mark.clients

# Ten units of abc123: two are placed with prices and shipped, nine are too many, one and one are placed then.
SEEN = {
    "placed": ["pending", "abc123", 2, 3098],
    "address": ["jo@example.com", "AU", None],
    "replayed": ["true", True],
    "rehearsal": ["confirmed", ["order.updated"]],
    "confirmed": ["confirmed", 2],
    "shipped": ["shipped", "33ABC1", 2],
    "read": ["shipped", 2, True],
    "past": ["pending", 1],
    "refusal": [409, "out_of_stock", [{"product_id": "abc123", "requested": 9, "available": 8}]],
    "too_late": [409, "invalid_transition"],
    "batch": ["cus456", "out_of_stock"],
    "first_version": ["pending", True],
    "pending": ["cus789", "cus456"],
    "would": [{"abc123": -1}, "cancel"],
    "did": "canceled",
    "told": ["cancel", "staff"],
}


def test_the_document_keeps_every_recommended_rule(document):
    """Redocly's own recommended rules, none left out; a warning is as bad as an error."""
    report = npx("redocly", "lint", str(document), "--extends=recommended-strict", "--format=json").stdout

    assert orjson.loads(report)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_a_python_client_places_confirms_ships_and_reads(document, address, api_key, tmp_path):
    """openapi-python-client makes it; a part of the document that it cannot express is a failure."""
    made = tmp_path / "order_service_client"
    settings = ["--meta", "none", "--config", str(PYTHON / "config.yaml"), "--fail-on-warning"]
    maker = str(VENV / "bin" / "openapi-python-client")
    run([maker, "generate", "--path", str(document), "--output-path", str(made), *settings])

    seen = subprocess.run(
        [str(VENV / "bin" / "python"), "-W", "error", str(PYTHON / "driver.py"), address, api_key],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert seen.returncode == 0, seen.stderr
    assert orjson.loads(seen.stdout) == SEEN


def test_a_typescript_client_places_confirms_ships_and_reads(document, address, api_key, tmp_path):
    """openapi-typescript makes its types; they let the driver pass, and none of the mistakes."""
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    for name in ("driver.mts", "mistakes.mts", "tsconfig.json"):
        shutil.copy(TYPESCRIPT / name, tmp_path)
    # A field with a default may be left out of a request.
    npx("openapi-typescript", str(document), "--output", "schema.d.ts", "--default-non-nullable=false", cwd=tmp_path)
    npx("tsc", "--project", ".", cwd=tmp_path)

    seen = run(["node", "driver.mjs", address, api_key], cwd=tmp_path)

    assert orjson.loads(seen.stdout) == SEEN
