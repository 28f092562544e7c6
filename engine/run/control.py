"""How a run ends, and what came of it: shared by what the caller holds and by the task that runs it."""

from __future__ import annotations

import trio

from ..core.result import StreamResult
from ..core.run_rules import Ending


class RunControl:
    """Ends a run from outside.

    Attributes:
        scope: that of the task that runs it.
        ending: who ended it before the provider did; None so far.
        result: the answer, once there is one.
        error: why there is none, once that is known.
    """

    __slots__ = ("ending", "error", "result", "scope")

    def __init__(self) -> None:
        self.scope: trio.CancelScope = trio.CancelScope()
        self.ending: Ending | None = None
        self.result: StreamResult | None = None
        self.error: Exception | None = None

    def end(self, ending: Ending) -> None:
        """End the run at its next checkpoint. A cancel overrides what was said before; nothing else does."""
        if self.result is not None or self.error is not None:
            return
        if self.ending is None or ending is Ending.CANCEL:
            self.ending = ending
            self.scope.cancel(reason=ending.value)
