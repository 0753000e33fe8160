"""Named points of the road at which a fault test may kill this process, to show that the final states are right.

Costs one dictionary look-up in normal life. Setting HUB_CRASH_AT=<name> (tests only) makes the process kill itself with
SIGKILL the first time it passes there; HUB_CRASH_AT=<name>:<n> at the n-th time.
"""

import os
import signal

_name, _, _count = os.environ.get("HUB_CRASH_AT", "").partition(":")
_left = {_name: int(_count or 1)} if _name else {}


def point(name: str) -> None:
    """Pass the named point."""
    if name in _left:
        _left[name] -= 1
        if _left[name] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
