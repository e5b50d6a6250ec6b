import threading

import pytest
from django.db import OperationalError, connection

from orders_project.database_probe import DatabaseProbe, limited

pytestmark = pytest.mark.usefixtures("database")


def _one() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return int(cursor.fetchone()[0])


def _own_process_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_answers_what_the_question_answers():
    assert DatabaseProbe(_one).ask(limit_seconds=30) == 1


def test_each_question_gets_a_connection_of_its_own():
    ours = _own_process_id()

    assert DatabaseProbe(_own_process_id).ask(limit_seconds=30) != ours


def test_a_failed_question_raises_its_error_and_the_next_is_asked_anew():
    answers = iter([OperationalError("gone"), None])

    def question() -> str:
        error = next(answers)
        if error:
            raise error
        return "back"

    probe = DatabaseProbe(question)

    with pytest.raises(OperationalError, match="gone"):
        probe.ask(limit_seconds=30)
    assert probe.ask(limit_seconds=30) == "back"


def test_a_statement_is_stopped_by_the_server():
    def question() -> None:
        with limited(), connection.cursor() as cursor:
            cursor.execute("select pg_sleep(60)")

    with pytest.raises(OperationalError, match="statement timeout"):
        DatabaseProbe(question).ask(limit_seconds=30)


def test_a_limit_ends_with_its_transaction():
    """Behind a pooler the session is somebody else's in the next moment."""

    def limit() -> str:
        with connection.cursor() as cursor:
            cursor.execute("select current_setting('statement_timeout')")
            told: str = cursor.fetchone()[0]
        return told

    def question() -> tuple[str, str, str]:
        before = limit()
        with limited():
            within = limit()
        return before, within, limit()

    assert DatabaseProbe(question).ask(limit_seconds=30) == ("15s", "500ms", "15s")


def test_a_hanging_question_is_waited_for_only_so_long_and_not_asked_twice():
    released = threading.Event()
    asked = []

    def question() -> str:
        asked.append(1)
        released.wait(30)
        return "at last"

    probe = DatabaseProbe(question)

    with pytest.raises(TimeoutError):
        probe.ask(limit_seconds=0.2)
    with pytest.raises(TimeoutError):
        probe.ask(limit_seconds=0.2)
    released.set()

    assert asked == [1]
    assert probe.ask(limit_seconds=30) == "at last"
