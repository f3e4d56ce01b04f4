"""A limit on the time spent on one attacker-written file."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class TookTooLong(BaseException):
    """The time is up. Not an `Exception`, so that no library on the way swallows it."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TookTooLong in the body after `seconds`.

    Works in the main thread of a POSIX process; elsewhere there is no limit, because Python offers
    no way to interrupt another thread.
    """
    usable = hasattr(signal, "setitimer") and (
        threading.current_thread() is threading.main_thread()
    )
    if not usable:
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
