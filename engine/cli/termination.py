"""SIGTERM as a Ctrl-C with another exit code: what cleans up after the one cleans up after the other."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any, Self


class Termination:
    """Hears SIGTERM while its block is open. `is_heard` says whether a KeyboardInterrupt stands for it.

    Only where nobody else listens: a handler that was there before stays, and so does a Ctrl-C that is ignored.
    `chat` and `resume` listen for themselves while they answer.
    """

    def __init__(self) -> None:
        self.is_heard: bool = False
        self._before: Any = None

    def __enter__(self) -> Self:
        is_ours = threading.current_thread() is threading.main_thread()
        if is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.getsignal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, self._hear if self._before is signal.SIG_DFL else self._before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _hear(self, _number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one kills at once, whatever hangs
        self.is_heard = True
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # while `simulate` starts its processes
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # heard by whoever listens: trio knows when it may interrupt
