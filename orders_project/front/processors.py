"""Each worker keeps to a processor of its own, where there are as many workers as processors.

One thread of a worker computes at a time (Python's global interpreter lock). Spread over several processors, they hand
that over from one to another with every request: on two, keeping to one answered 1.4 times as many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path


def keep_to_one_processor() -> None:
    """Have all threads of this worker, and those it starts later, run on the processor that the fewest others have.

    Nothing where there are fewer workers than processors, which somebody else might leave idle, or where the system
    does not tell of them.
    """
    try:
        allowed = {pid: os.sched_getaffinity(pid) for pid in _workers()}
        chosen = choice(os.getpid(), allowed)
        if chosen is not None:
            for thread in Path("/proc/self/task").iterdir():
                with suppress(ProcessLookupError):  # it has just ended
                    os.sched_setaffinity(int(thread.name), {chosen})
    except (OSError, AttributeError):  # no Linux, or a worker that has just ended
        return


def choice(own: int, allowed: Mapping[int, Collection[int]]) -> int | None:
    """The processor to keep to, or None; `allowed` are those on which each worker may run, by its process id.

    Workers that choose at the same moment know each other by the order of their ids.
    """
    processors = sorted(allowed.get(own, ()))
    if not 1 < len(processors) <= len(allowed):
        return None
    taken = Counter(processor for few in allowed.values() if len(few) == 1 for processor in few)
    undecided = sorted(pid for pid, few in allowed.items() if len(few) > 1)
    freest_first = sorted(processors, key=lambda processor: (taken[processor], processor))
    return freest_first[undecided.index(own) % len(freest_first)]


def _workers() -> list[int]:
    """The process ids of this worker and of those that the same server has started."""
    own = Path("/proc/self/cmdline").read_bytes()
    started = [tasks.read_text().split() for tasks in Path(f"/proc/{os.getppid()}/task").glob("*/children")]
    ids = {int(pid) for each in started for pid in each}
    return [pid for pid in ids if Path(f"/proc/{pid}/cmdline").read_bytes() == own]
