"""Appends events to a file, one line of JSON each."""

import fcntl
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from events.sinks.protocol import Ack, Outcome, OutgoingEvent, SinkDown

_BLOCK = 65536
# Another relay writes for milliseconds; one that was stopped in the middle must not stop us as well.
_LOCK_SECONDS = 4.0


class NdjsonFileSink:
    """Acknowledges a batch once it is on the disk (one fsync each).

    Several relays may share the file: a batch is written under an advisory lock. A line torn by a crash was
    never acknowledged, so the next writer cuts it off and the event comes again whole. When the path names
    another file than the open one (logrotate), the sink goes on in that one.
    """

    max_batch = 1000
    ordered_pipeline = True
    most_bytes = None

    def __init__(self, address: str) -> None:
        """`address` is the path; its folder must exist."""
        self._path = Path(address)
        self._file: int | None = None

    def open(self) -> None:
        try:
            self._file = self._opened()
        except OSError as error:
            raise SinkDown(f"The event file {self._path} cannot be opened: {error}.") from error

    def publish(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        lines = b"".join(event.body + b"\n" for event in events)
        try:
            file = self._locked()
            try:
                _cut_torn_line(file)
                _write_all(file, lines)
                _sync(file)
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)
        except OSError as error:
            raise SinkDown(f"The event file {self._path} cannot be written: {error}.") from error
        return [Ack()] * len(events)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o640)
        # The name must survive a power cut as well as the content.
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _locked(self) -> int:
        """The file that the path names now, locked."""
        give_up_at = time.monotonic() + _LOCK_SECONDS
        while True:
            if self._file is None:
                self._file = self._opened()
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.002)
                continue
            if self._is_current(self._file):
                return self._file
            self.close()  # which unlocks

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False


def _cut_torn_line(file: int) -> None:
    size = os.fstat(file).st_size
    if not _is_regular(file) or size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return
    end, newline = size, -1
    while newline < 0 and end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        end = start + newline + 1
    os.ftruncate(file, end)


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync(file: int) -> None:
    if _is_regular(file):
        os.fsync(file)


def _is_regular(file: int) -> bool:
    """False for a pipe or terminal, which have no tail to look at and nothing to flush to a disk."""
    return stat.S_ISREG(os.fstat(file).st_mode)
