import fcntl
import sys

import pytest

from events.sinks.ndjson_file import NdjsonFileSink
from events.sinks.protocol import Ack, SinkDown
from tests.events.outgoing import event
from tests.processes import running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.ndjson"


@pytest.fixture
def sink(path):
    sink = NdjsonFileSink(str(path))
    sink.open()
    yield sink
    sink.close()


def test_writes_a_line_for_each_event_and_acknowledges_all(sink, path):
    assert sink.publish([event(1), event(2)]) == [Ack(), Ack()]
    assert sink.publish([event(3)]) == [Ack()]

    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'


def test_goes_on_after_what_an_earlier_process_wrote(path):
    path.write_bytes(b'{"n":1}\n')
    sink = NdjsonFileSink(str(path))

    sink.open()
    sink.publish([event(2)])
    sink.close()

    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


@pytest.mark.parametrize("torn_bytes", [1, 70_000, 200_000])
@pytest.mark.parametrize("before", [b"", b'{"n":1}\n'])
def test_a_line_torn_by_a_crash_is_cut_off(sink, path, before, torn_bytes):
    path.write_bytes(before + b"{" * torn_bytes)

    sink.publish([event(2)])

    assert path.read_bytes() == before + b'{"n":2}\n'


def test_follows_the_path_when_logrotate_moves_the_file_away(sink, path):
    sink.publish([event(1)])
    path.rename(path.with_suffix(".1"))

    sink.publish([event(2)])
    path.rename(path.with_suffix(".2"))
    path.touch()
    sink.publish([event(3)])

    assert path.with_suffix(".1").read_bytes() == b'{"n":1}\n'
    assert path.with_suffix(".2").read_bytes() == b'{"n":2}\n'
    assert path.read_bytes() == b'{"n":3}\n'


def test_a_missing_folder_means_the_sink_is_down(tmp_path):
    sink = NdjsonFileSink(str(tmp_path / "missing" / "events.ndjson"))

    with pytest.raises(SinkDown, match=r"missing/events\.ndjson cannot be opened"):
        sink.open()


def test_a_full_disk_means_the_sink_is_down():
    sink = NdjsonFileSink("/dev/full")

    with pytest.raises(SinkDown, match="No space left"):
        sink.publish([event(1)])
    sink.close()


def test_closing_twice_does_no_harm(sink):
    sink.close()
    sink.close()


@pytest.mark.slow
def test_a_writer_that_hangs_with_the_lock_does_not_hang_the_others(sink, path):
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        with pytest.raises(SinkDown, match="temporarily unavailable"):
            sink.publish([event(1)])

    sink.publish([event(2)])
    assert path.read_bytes() == b'{"n":2}\n'


WRITER = """
import sys
from events.sinks.ndjson_file import NdjsonFileSink
from tests.events.outgoing import event

sink = NdjsonFileSink(sys.argv[1])
sink.open()
for number in range(200):
    sink.publish([event(number, size=30_000), event(number)])
"""


def test_lines_of_two_processes_do_not_mix(path):
    command = [sys.executable, "-c", WRITER, path]

    with running(command) as one, running(command) as other:
        assert (one.wait(120), other.wait(120)) == (0, 0)

    lines = path.read_bytes().splitlines()
    assert len(lines) == 800
    assert {len(line) for line in lines} == {
        len(event(number, size=size).body) for number in range(200) for size in (0, 30_000)
    }
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert all(large.startswith(small[:-1]) for large, small in pairs)
