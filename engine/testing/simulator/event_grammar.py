"""What a consumer sees of a run, folded as it would show it, and whether the order of the events is legal.

The grammar is a table from (state, event) to state: what is not in it is illegal. `UsageUpdate` and `Status` may stand
anywhere before the end. An interruption reads

    Interrupted  ToolCallCancel*  StreamReset?  RetryScheduled  …  Resumed

and where a generation was to be read on, and is not, its calls are cancelled as late as that is known.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.events import (
    Event,
    Finished,
    Interrupted,
    ReasoningDelta,
    Resumed,
    RetryScheduled,
    Status,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStart,
    UsageUpdate,
)
from ...core.messages import ToolCall
from ...core.result import StreamResult
from ..law import Law
from ..script.speech import ignore

CONTENT = (TextDelta, ReasoningDelta, ToolCallStart, ToolCallDelta, ToolCallReady)
OTHERS = (ToolCallCancel, StreamReset, Interrupted, RetryScheduled, Resumed, Finished)

_TABLE: dict[str, dict[type, str]] = {
    # before anything was said, by the first request of a run
    "begin": {
        **dict.fromkeys(CONTENT, "said"),
        Interrupted: "interrupted",  # by what can not be shown: a signature, say
        RetryScheduled: "waiting",
        Finished: "end",
    },
    # opened again: what was said is handed out, then the answer goes on
    "again": {
        **dict.fromkeys(CONTENT, "again"),
        StreamReset: "again",
        ToolCallCancel: "again",  # the run ended before anything was asked
        Interrupted: "resuming",
        RetryScheduled: "waiting",
        Resumed: "said",
        Finished: "end",
    },
    "said": {
        **dict.fromkeys(CONTENT, "said"),
        ToolCallCancel: "said",  # arguments that never became an object; the end of a run
        StreamReset: "said",  # the answer began again inside the stream
        Interrupted: "interrupted",
        Finished: "end",
    },
    "interrupted": {
        ToolCallCancel: "interrupted",
        StreamReset: "reset",
        RetryScheduled: "waiting",
        Finished: "end",
    },
    "reset": {RetryScheduled: "waiting", Finished: "end"},
    # a checkpoint is gone on from at once, without a delay to announce
    "resuming": {
        ToolCallCancel: "resuming",
        StreamReset: "waiting",
        RetryScheduled: "waiting",
        Interrupted: "interrupted",  # by what was held back
        ReasoningDelta: "aligning",
        Resumed: "said",
        Finished: "end",
    },
    "waiting": {
        RetryScheduled: "waiting",  # the next attempt was refused before it said anything
        ToolCallCancel: "waiting",  # a call that was to be read on: it can not be, or the run ends
        StreamReset: "waiting",  # its form was refused, and nothing but a restart is left
        Interrupted: "interrupted",  # by what was held back
        ReasoningDelta: "aligning",
        Resumed: "said",
        Finished: "end",
    },
    # thoughts are shown as they come, and how the seam looks is not known before the text begins
    "aligning": {
        ReasoningDelta: "aligning",
        StreamReset: "retold",  # the answer began again inside the stream
        Interrupted: "interrupted",
        Resumed: "said",
        Finished: "end",
    },
    "retold": {
        **dict.fromkeys(CONTENT, "retold"),
        Interrupted: "interrupted",
        Resumed: "said",
        Finished: "end",
    },
    "end": {},
}


class Observer:
    """The consumer's eyes. `broken` holds (law, message) of what may not be.

    Attributes:
        text: what a consumer shows.
        ready: the released calls, in order.
        open_calls: the ids of calls that were begun and neither released nor cancelled.
        state: where in the grammar.
    """

    def __init__(self, text: str, *, again: bool, tell: Callable[[Law, str], None]) -> None:
        self.text: str = text
        self.ready: list[ToolCall] = []
        self.open_calls: set[str] = set()
        self.result: StreamResult | None = None
        self.state = "again" if again else "begin"
        self.count: int = 0
        self.resets: int = 0
        self.scheduled: list[RetryScheduled] = []
        self.last: type = type(None)
        self._tell = tell

    def let_go(self) -> None:
        """Forget who is told: nothing more is seen."""
        self._tell = ignore

    def take(self, event: Event) -> None:
        """Fold an event."""
        kind = type(event)
        self.count += 1
        if kind is TextDelta and self.state == "said":  # most of them
            self.text += event.text  # type: ignore[union-attr]
            self.last = kind
            return
        if kind is UsageUpdate or kind is Status:
            if self.state == "end":
                self._tell(Law.ONE_END, f"{kind.__name__} after Finished")
            return
        self._step(kind)
        self.last = kind
        self._fold(event)

    def _step(self, kind: type) -> None:
        following = _TABLE[self.state].get(kind)
        if following is None:
            law = Law.ONE_END if self.state == "end" else Law.ORDER_OF_EVENTS
            self._tell(law, f"{kind.__name__} after {self.last.__name__}, in state {self.state!r}")
            following = "said"
        self.state = following

    def _fold(self, event: Event) -> None:
        match event:
            case TextDelta():
                self.text += event.text
            case StreamReset():
                self.text = ""
                self.resets += 1
                if self.ready:
                    self._tell(Law.WHOLE_CALLS, "a StreamReset after a call was released")
                self.open_calls.clear()
            case ToolCallStart(call_id):
                if call_id in self.open_calls:
                    self._tell(Law.WHOLE_CALLS, f"call {call_id} began twice")
                self.open_calls.add(call_id)
            case ToolCallReady(call):
                self._close(call.id, "released")
                self.ready.append(call)
            case ToolCallCancel(call_id):
                self._close(call_id, "cancelled")
            case RetryScheduled():
                self.scheduled.append(event)
            case Finished(result):
                self.result = result
            case _:
                pass

    def _close(self, call_id: str, how: str) -> None:
        if call_id not in self.open_calls:
            self._tell(Law.WHOLE_CALLS, f"call {call_id} was {how}, and is not under way")
        self.open_calls.discard(call_id)
