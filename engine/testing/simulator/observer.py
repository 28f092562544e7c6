"""What a consumer sees of a run, folded as it would show it, and held to the grammar of events."""

from __future__ import annotations

from collections.abc import Callable

from ...core.event_grammar import ANYWHERE, EventState, next_state
from ...core.events import (
    Event,
    Finished,
    RetryScheduled,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    ToolCallReady,
    ToolCallStart,
)
from ...core.messages import ToolCall
from ...core.result import StreamResult
from ..law import Law
from ..script.speech import ignore


class Observer:
    """Folds a run as its consumer shows it, and tells `tell` of what may not be.

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
        self.state: EventState = "again" if again else "begin"
        self.count: int = 0
        self.resets: int = 0
        self.scheduled: list[RetryScheduled] = []
        self.last: type = type(None)
        self._tell = tell

    def let_go(self) -> None:
        """Forget the listener: nothing more is seen."""
        self._tell = ignore

    def take(self, event: Event) -> None:
        """Fold an event."""
        kind = type(event)
        self.count += 1
        if kind is TextDelta and self.state == "said":  # most of them
            self.text += event.text  # type: ignore[union-attr]
            self.last = kind
            return
        if kind in ANYWHERE:
            if self.state == "end":
                self._tell(Law.ONE_END, f"{kind.__name__} after Finished")
            return
        self._step(kind)
        self.last = kind
        self._fold(event)

    def _step(self, kind: type[Event]) -> None:
        following = next_state(self.state, kind)
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
