"""What a failing history asked for, step by step, stands in a file: nobody has to draw it once more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos import test_any_history
from tests.chaos.test_any_history import HistoriesOfMoney


class Unlike(HistoriesOfMoney):
    """The model is wrong about the end."""

    def _compare_at_the_end(self) -> None:
        raise AssertionError("not as the model says")


def test_the_message_names_the_file_with_every_step_and_the_failure(
    database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(test_any_history, "STORIES", tmp_path / "histories")

    with pytest.raises(AssertionError, match="not as the model says") as failed:
        run_state_machine_as_test(
            Unlike,
            settings=settings(
                max_examples=1, stateful_step_count=1, database=None, deadline=None, phases=[Phase.generate]
            ),
        )

    file = tmp_path / "histories" / "Unlike.txt"
    assert f"What was asked, step by step, is kept in {file}" in failed.value.__notes__
    story = file.read_text().splitlines()
    assert story[0].startswith('ann: POST /api/v1/orders {"customer_id":"cus123"')
    assert story[0].endswith("-> 201 ")
    assert story[-1] == "AssertionError: not as the model says"
