import io
import re
import signal
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from orders.models import Order
from tests.orders.importing.lines import line
from tests.processes import running


@pytest.mark.usefixtures("database")
def test_names_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(CommandError, match=r"missing\.ndjson cannot be read: No such file or directory\.") as refusal:
        call_command("import_orders", str(tmp_path / "missing.ndjson"))

    assert refusal.value.returncode == 1


def test_names_a_report_that_cannot_be_written_before_it_imports(run_import):
    done = run_import(line(), "--report", "/no/such/folder/report")

    assert done.code == 1
    assert done.error == "The report /no/such/folder/report cannot be written: No such file or directory."
    assert Order.objects.count() == 0


@pytest.mark.parametrize("batch", ["0", "-1", "1001"])
def test_refuses_a_batch_of_no_sensible_size(run_import, batch):
    done = run_import(line(), f"--batch={batch}")

    assert (done.code, done.error) == (2, f"--batch is {batch}; it must be 1 to 1000.")


def test_an_empty_file_is_no_lines(run_import):
    done = run_import("\n \n")

    assert (done.code, done.report) == (
        0,
        "Read 0 lines: 0 placed, 0 skipped, 0 refused.\n",
    )


def test_tells_progress_on_the_way_line_by_line_where_there_is_no_terminal(run_import):
    done = run_import(line("r1") + line("r2") + "nonsense\n", "--batch=1", "--progress=0.000001")

    told = [re.sub(r"\([\d,]+ lines/s\)", "(… lines/s)", text) for text in done.progress.splitlines()]
    assert told == [
        "1 lines: 1 placed, 0 skipped, 0 refused (… lines/s)",
        "2 lines: 2 placed, 0 skipped, 0 refused (… lines/s)",
        "3 lines: 2 placed, 0 skipped, 1 refused (… lines/s)",
    ]


def test_writes_one_live_line_on_a_terminal(run_import, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    (tmp_path / "orders.ndjson").write_text(line("r1") + line("r2"))
    screen = Terminal()

    call_command(
        "import_orders", str(tmp_path / "orders.ndjson"), "--batch=1", "--progress=0.000001",
        stderr=screen, stdout=io.StringIO(),
    )  # fmt: skip

    assert "\n" not in screen.getvalue()
    assert screen.getvalue().startswith("\r\x1b[K1 lines: 1 placed")
    assert screen.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("name", ["orders.ndjson", "orders.csv"])
def test_the_generic_profile_is_our_own_format(run_import, name):
    rows = (
        "storefront,external_reference,customer_id,placed_at,product_id,quantity\n"
        "br-south,r1,cus1,2017-03-01T10:00:00Z,cup,2\n"
    )

    done = run_import(line() if name.endswith("ndjson") else rows, "--profile=generic", name=name)

    assert (done.code, "1 placed, 0 skipped, 0 refused" in done.report) == (0, True)


def test_progress_can_be_silent(run_import):
    assert run_import(line(), "--progress=0").progress == ""


@pytest.mark.parametrize(("content", "code"), [(line(), 0), ("nonsense\n" + line(), 3)])
def test_reads_standard_input_and_ends_with_its_code(command_environment, manage_py, content, code):
    done = subprocess.run(
        [sys.executable, str(manage_py), "import_orders", "-"],
        env=command_environment, input=content, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == code
    assert "1 placed, 0 skipped" in done.stdout
    assert Order.objects.count() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_it_tells_how_far_it_came(command_environment, manage_py, tmp_path, number):
    (tmp_path / "orders.ndjson").write_text("".join(line(f"r{position}") for position in range(5_000)))
    with running(
        [sys.executable, manage_py, "import_orders", tmp_path / "orders.ndjson", "--batch=1", "--progress=0.000001"],
        env=command_environment, text=True, bufsize=1,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # In the background SIGINT is ignored, and so it would be here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as command:  # fmt: skip
        assert command.stderr
        next(text for text in command.stderr if "1 placed" in text)
        command.send_signal(number)
        _, errors = command.communicate()

    assert command.returncode == 130
    assert re.search(r"Stopped\. So far: [\d,]+ placed, 0 skipped, 0 refused\. Run the same command again", errors)
    assert 1 <= Order.objects.count() < 5_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_before_standard_input_ends_it_has_written_nothing(command_environment, manage_py, number):
    with running(
        [sys.executable, "-u", manage_py, "import_orders", "-", "--batch=1"],
        env=command_environment, text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as command:  # fmt: skip
        assert command.stdin
        # More than a pipe holds: it has begun to read when all of it is written.
        command.stdin.write("".join(line(f"r{position}") for position in range(1_000)))
        command.stdin.flush()
        command.send_signal(number)
        _, errors = command.communicate()

    assert command.returncode == 130
    assert "Stopped. So far: 0 placed, 0 skipped, 0 refused." in errors
    assert Order.objects.count() == 0


def test_a_database_that_is_gone_is_said_in_a_sentence(command_environment, manage_py, tmp_path):
    (tmp_path / "orders.ndjson").write_text(line())
    nowhere = command_environment | {"DATABASE_URL": "postgres://orders@127.0.0.1:1/orders"}

    done = subprocess.run(
        [sys.executable, str(manage_py), "import_orders", str(tmp_path / "orders.ndjson")],
        env=nowhere, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 1
    assert "CommandError: The database cannot be reached: " in done.stderr
    assert "Traceback" not in done.stderr
