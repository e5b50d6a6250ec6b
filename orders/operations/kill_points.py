"""Named places where a test may end the process, as `kill -9` would, to see what is left behind.

Set KILL_AT to one of the names and the process dies there. Without it this is one look into a frozen
constant.
"""

import os
import signal
from typing import Final, Literal

PlacementPoint = Literal["before_hold", "after_hold", "before_write", "after_write"]
AmendmentPoint = Literal["before_amend_hold", "after_amend_hold"]
RequestPoint = Literal["after_take", "before_settle"]
RunPoint = Literal["run_order_taken", "run_order_changed", "run_order_settled", "run_piece_done"]

_KILL_AT: Final = os.environ.get("KILL_AT")


def kill_point(name: PlacementPoint | AmendmentPoint | RequestPoint | RunPoint) -> None:
    if name == _KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)
