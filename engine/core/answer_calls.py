"""The calls of an answer: which are under way, which are whole, and in which order the consumer is told.

Rules:
- The order is the declared one: by the place that the provider gives a call in its answer (`ToolCallStart.index`), and
  by the start where it gives none. Calls of an earlier generation come before those of a later one.
- A call that is whole waits while one that was declared before it is under way. What waits is no less whole: an
  interruption keeps it, and the consumer is told before it is told of the interruption.
- A call that was given the id of another (`BlockStop.repeats`) and has its name and its arguments is that one told
  again: which of both was meant can not be known, and nothing is released twice.
- A generation that is read on may begin a whole call once more under its id (`tells_again`): whoever decodes it has not
  seen the first. It is heard to its end and then held against that one; nothing of it is shown.
"""

from __future__ import annotations

from .answer_blocks import CallParts
from .events import ToolCallCancel, ToolCallReady
from .json_value import canonical_json
from .messages import ToolCall
from .snapshot import InFlightTool
from .stream_events import BlockStop, ToolCallStart

TOLD_AGAIN = "the same call was told before"
"""Why a call is cancelled that was only another telling of one."""


class AnswerCalls:
    """The calls of one run. `under_way` are open, by id; `ready` are to be told to the consumer, in order."""

    __slots__ = (
        "_completed", "_generation", "_is_read_on", "_started", "_told", "_waiting", "again", "ready", "told_again",
        "under_way",
    )  # fmt: skip

    def __init__(self) -> None:
        self.under_way: dict[str, CallParts] = {}
        self.ready: list[ToolCallReady] = []
        self.again: dict[str, CallParts] = {}
        self.told_again: int = 0
        self._is_read_on = False
        self._generation = self._started = 0
        self._completed: dict[str, tuple[tuple[int, int, int], ToolCall]] = {}
        self._waiting: list[tuple[tuple[int, int, int], ToolCall]] = []
        self._told: dict[str, list[ToolCall]] = {}  # by the id that the provider gave

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.under_way or call_id in self._completed

    @property
    def has_completed(self) -> bool:
        """Whether any call is whole."""
        return bool(self._completed)

    def completed(self) -> tuple[ToolCall, ...]:
        """Return the whole calls in declared order."""
        return tuple(call for _, call in sorted(self._completed.values(), key=lambda kept: kept[0]))

    def begin_attempt(self, *, reattaches: bool) -> int:
        """Begin an attempt; what waited was told when the one before it ended. Returns how many bytes are held no more.

        `told_again` is of this attempt.
        """
        self.ready.clear()
        self._waiting.clear()
        self._generation += not reattaches
        self._is_read_on, self.told_again = reattaches, 0
        return 0 if reattaches else self._forget_again()

    def _forget_again(self) -> int:
        held_bytes = sum(call.held_bytes for call in self.again.values())
        self.again.clear()
        return held_bytes

    def tells_again(self, call_id: str) -> bool:
        """Whether a call that begins is a whole one of an attempt before, told once more."""
        return self._is_read_on and call_id in self._completed and call_id not in self.again

    def start_again(self, event: ToolCallStart) -> CallParts:
        """Begin to hear a whole call once more."""
        self.again[event.id] = call = CallParts(event.id, event.name)
        return call

    def close_again(self, call: CallParts, event: BlockStop, values_max: int) -> bool:
        """End such a call; whether it was the same one, as far as it was told."""
        del self.again[call.id]
        closed = call.close(event.arguments, values_max, is_cut=event.is_cut)
        is_same = event.is_cut or (not isinstance(closed, str) and _is_same(self._completed[call.id][1], closed))
        self.told_again += is_same
        return is_same

    def start(self, event: ToolCallStart) -> CallParts:
        """Begin a call."""
        self._started += 1
        place = self._started if event.index is None else event.index
        call = CallParts(event.id, event.name, order=(self._generation, place, self._started))
        self.under_way[event.id] = call
        return call

    def close(self, call: CallParts, event: BlockStop, values_max: int) -> ToolCall | str:
        """End a call that is under way no more: as a whole one, or why it is none."""
        closed = event.voided or call.close(event.arguments, values_max, is_cut=event.is_cut)
        if isinstance(closed, str):
            self._free()
            return closed
        alike = self._told.setdefault(event.repeats or call.id, [])
        if any(_is_same(told, closed) for told in alike):
            self._free()
            return TOLD_AGAIN
        alike.append(closed)
        self._completed[call.id] = (call.order, closed)
        self._waiting.append((call.order, closed))
        self._free()
        return closed

    def in_flight(self) -> tuple[InFlightTool, ...]:
        """Return the calls under way, in the order they began."""
        return tuple(InFlightTool(call.id, call.name, call.read()) for call in self.under_way.values())

    def cancel(self, reason: str) -> list[ToolCallCancel]:
        """Forget the calls under way; return what the consumer is told about each."""
        cancelled = [ToolCallCancel(call.id, call.name, reason) for call in self.under_way.values()]
        self.under_way.clear()
        return cancelled

    def _free(self) -> None:
        """Let those be told that wait for no call any more."""
        if self._waiting:
            first = min((call.order for call in self.under_way.values()), default=None)
            free = sorted(
                (kept for kept in self._waiting if first is None or kept[0] < first), key=lambda kept: kept[0]
            )
            self._waiting = [kept for kept in self._waiting if kept not in free]
            self.ready += [ToolCallReady(call) for _, call in free]

    def take_ready(self) -> list[ToolCallReady]:
        """Take what is to be told."""
        ready, self.ready[:] = list(self.ready), []
        return ready

    def release_waiting(self) -> list[ToolCallReady]:
        """Take what is to be told and what waits: the attempt has ended."""
        self.ready += [ToolCallReady(call) for _, call in sorted(self._waiting, key=lambda kept: kept[0])]
        self._waiting.clear()
        return self.take_ready()

    def clear(self) -> None:
        """Forget everything: what was said is void."""
        self.under_way.clear()
        self._completed.clear()
        self._waiting.clear()
        self._told.clear()
        self.again.clear()
        self.ready.clear()


def _is_same(told: ToolCall, call: ToolCall) -> bool:
    """Whether two calls ask the same; `True` and 1 are equal in Python, and not in JSON."""
    if told.name != call.name or told.arguments != call.arguments:
        return False
    return canonical_json(told.arguments) == canonical_json(call.arguments)
