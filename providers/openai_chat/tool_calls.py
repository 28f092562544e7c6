"""The tool calls of a Chat Completions stream: which fragment belongs to which call, and when a call is closed.

Rules (wire-formats §3.8, from recordings of a dozen servers):

- A fragment opens a new call if its index is new, or if it has an id that is not the open call's at that index; without
  an index, if it has an id or a name of its own. An id without a name goes on with a call that is not whole: mlx's
  server makes one up for every fragment. A fragment with nothing in it is nothing.
- The format has no end of a call. When the next one opens, those before it are closed as far as their arguments are
  whole; others may still go on by their index (seeds, row 004), and are closed at the finish, in the order of their
  indexes. So what has no arguments yet is not taken for a call without any before nothing more can come.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from ...engine.core.answer_blocks import Parts, size_bytes
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.policy import Limits
from ...engine.core.stream_events import BlockStop, StreamEvent, ToolCallDelta, ToolCallStart
from ...engine.core.tool_json import ArgumentsScanner
from ..wire.call_bounds import ArgumentsBound, CallIds
from ..wire.json import count_at, name_at, object_at, text_at, write_json
from ..wire.surrogates import SurrogateJoiner
from .beside_calls import BesideCalls


class _Call:
    """One call between its first fragment and its close. It is announced once its name is known."""

    __slots__ = (
        "bound", "early", "id", "index", "is_closed", "is_custom", "is_id_given", "joiner", "name", "scanner",
    )  # fmt: skip

    def __init__(self, call_id: str, index: int | None, *, is_id_given: bool, is_custom: bool, limits: Limits) -> None:
        self.id: str = call_id
        self.index: int | None = index
        self.is_id_given: bool = is_id_given
        self.is_custom: bool = is_custom
        self.is_closed: bool = False
        self.name: str = ""
        self.early: Parts = Parts()
        self.joiner: SurrogateJoiner = SurrogateJoiner()
        self.bound: ArgumentsBound = ArgumentsBound(limits)
        self.scanner: ArgumentsScanner = ArgumentsScanner(bytes_max=limits.arguments_bytes_max)

    @property
    def is_known(self) -> bool:
        """Whether it is known what is called; a custom tool's call is not read, and needs no name."""
        return bool(self.name) or self.is_custom


class CallTracker:
    """All calls of one response. `defect` says which fragment could not be one; `ignored` counts what is not read.

    Ids, and arguments that wait for a name, count in `held`. What is said beside a call goes back to `origin`.
    """

    def __init__(self, limits: Limits, held: HeldBytes, origin: str = "") -> None:
        self.defect: str | None = None
        self.ignored: Counter[str] = Counter()
        self.response_key: str = ""
        """What makes a made-up id this response's own."""
        self._limits = limits
        self._held = held
        self._beside = BesideCalls(origin, held)
        self._by_index: dict[int, _Call] = {}
        self._ids = CallIds(limits)
        self._open: deque[_Call] = deque()
        self._last: _Call | None = None

    @property
    def has_calls(self) -> bool:
        """Whether the answer holds a call."""
        return bool(self._ids)

    def take(self, fragment: JSONObject) -> Iterator[StreamEvent]:
        """Take one element of `tool_calls`; say what it opens, closes and adds."""
        function = object_at(fragment, "function")
        name, arguments = name_at(function, "name"), _arguments(function.get("arguments"))
        if arguments is None:
            self.defect = "seen arguments of a call that are neither text nor an object; expected a string of JSON"
            return
        call = self._continued_by(fragment, name)
        if call is None:
            if not (name or arguments or name_at(fragment, "id")):
                self.ignored[Ignored.EMPTY_CALL] += 1
                return
            yield from self._close_whole()
            call = self._new_call(fragment)
            if call is None:
                return
        if call.is_closed:
            if arguments:
                self.defect = "seen more arguments of a call after the next call began; expected none"
            return
        self._beside.note(call.id, fragment)
        yield from self._add(call, name, arguments)

    def close(self, *, is_cut: bool = False) -> Iterator[StreamEvent]:
        """Close the calls that are open. `is_cut`: the end of the answer cut the last of them, and what is not whole.

        Where one of them never got a name, none is: whose arguments its fragments were is not known.
        """
        if not all(call.is_known for call in self._open):
            self.defect = "seen a call without a name; expected function.name"
            return
        for call in sorted(self._open, key=lambda call: call.index or 0):
            yield from self._close(call, is_cut=is_cut and (call is self._last or not call.scanner.is_complete))
        self._open.clear()

    def _close_whole(self) -> Iterator[StreamEvent]:
        while self._open and (self._open[0].scanner.is_complete or self._open[0].is_custom) and self._open[0].is_known:
            yield from self._close(self._open.popleft(), is_cut=False)

    def _close(self, call: _Call, *, is_cut: bool) -> Iterator[StreamEvent]:
        call.is_closed = True
        if not call.name:  # a custom tool's, which is not read
            self.ignored[Ignored.UNNAMED_CALL] += 1
            return
        if rest := call.joiner.flush():
            yield ToolCallDelta(call.id, rest)
        if not is_cut:
            yield from self._beside.give(call.id)
        yield BlockStop(call.id, is_cut=is_cut)

    def _continued_by(self, fragment: JSONObject, name: str) -> _Call | None:
        """Return the call that a fragment continues, or None where it begins one."""
        index, call_id = count_at(fragment, "index"), name_at(fragment, "id")
        call = self._last if index is None else self._by_index.get(index)
        if call is None:
            return None
        if call_id and call.is_id_given and call_id != call.id:
            return None if name or call.scanner.is_complete else call
        if index is None and not call_id and name:
            return None
        return call

    def _new_call(self, fragment: JSONObject) -> _Call | None:
        given, index = name_at(fragment, "id"), count_at(fragment, "index")
        call_id = given or f"call_{self.response_key}_{len(self._ids)}"
        if (defect := self._ids.admit(call_id)) is not None:
            self.defect = defect
            return None
        is_custom = text_at(fragment, "type") == "custom"
        call = _Call(call_id, index, is_id_given=bool(given), is_custom=is_custom, limits=self._limits)
        self._held.hold(len(call_id))
        self._open.append(call)
        self._last = call
        if index is not None:
            self._by_index[index] = call
        return call

    def _add(self, call: _Call, name: str, arguments: str) -> Iterator[StreamEvent]:
        call.scanner.feed(arguments)
        if (too_long := call.bound.add(arguments)) is not None:
            self.defect = too_long
            return
        if name and call.name and name != call.name:
            self.defect = "seen another name of a call that has one; expected one name a call"
            return
        if name and not call.name:
            call.name = name
            yield ToolCallStart(call.id, name)
            early = call.early.read()
            arguments, call.early = early + arguments, Parts()
            self._held.release(size_bytes(early))
        if not call.name:
            if arguments and not call.is_custom:  # a custom tool's are not read
                call.early.append(arguments)
                self._held.hold(size_bytes(arguments))
        elif text := call.joiner.take(arguments):
            yield ToolCallDelta(call.id, text)


def _arguments(value: JSONValue) -> str | None:
    if value is None:
        return ""
    if isinstance(value, dict):
        return write_json(value)  # older Ollama and Mistral's types: the object itself
    return value if isinstance(value, str) else None
