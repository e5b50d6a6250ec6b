"""The pictures of the docs are made by one command, in both themes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.papers.pages import ROOT

pytestmark = pytest.mark.browser


def taken(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "script/take_pictures.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_pictures_are_made_light_and_dark_as_large_as_the_docs_show_them(tmp_path: Path):
    done = taken("--to", str(tmp_path), "refusal")

    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(made) == {"refusal.png", "refusal-dark.png"}
    for picture in made.values():
        size = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
        assert (picture[:4], size) == (b"\x89PNG", (1400, 900))
    assert made["refusal.png"] != made["refusal-dark.png"]


def test_a_picture_that_is_none_is_said(tmp_path: Path):
    done = taken("--to", str(tmp_path), "nowhere")

    assert done.returncode == 2
    assert "there is no picture nowhere; there are order-list, order-page, preview, refusal" in done.stderr
