"""The tool calls of a Chat Completions stream: which fragment belongs to which call, and when a call is closed.

Rules (wire-formats §3.8, from recordings of a dozen servers):

- A fragment opens a new call if its index is new, or if it has an id that is not the open call's at that index; without
  an index, if it has an id or a name of its own. An id without a name goes on with a call that is not whole: mlx's
  server makes one up for every fragment. A fragment with nothing in it is nothing.
- So does one with a name behind arguments that are whole, unless it tells them again (a gateway that repeats the name).
- A call that has the id of one that is whole is another one: it gets an id of ours (DeepSeek, GLM: HKUDS/nanobot#3943).
  If the other is not whole yet, a piece of it may have the wrong index: that has two meanings.
- A name that comes without id and arguments, before any, goes on with the call's name, as openai-python joins them. A
  second name that may be the whole again, or another call's, has two meanings.
- The format has no end of a call. When the next one opens, those before it are closed as far as their arguments are
  whole and no lower index may follow; others may still go on by their index (seeds, row 004), and are closed at the
  finish, in the order of their indexes. So what has no arguments yet, or `{}` which a gateway makes of none, is not
  taken for a call without any before nothing more can come.
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
from ..wire.arguments import ArgumentsReader
from ..wire.call_bounds import ArgumentsBound, CallIds
from ..wire.json import count_at, name_at, object_at, text_at, write_json
from ..wire.surrogates import SurrogateJoiner


class _Call:
    """One call between its first fragment and its close. It is announced once its name is known."""

    __slots__ = (
        "arguments", "bound", "early", "given", "id", "index", "is_closed", "is_custom", "joiner", "name", "repeats",
    )  # fmt: skip

    def __init__(self, chosen: tuple[str, str | None], fragment: JSONObject, limits: Limits, held: HeldBytes) -> None:
        self.id, self.repeats = chosen
        self.given: str = name_at(fragment, "id")
        self.index: int | None = count_at(fragment, "index")
        self.is_custom: bool = text_at(fragment, "type") == "custom"
        self.is_closed: bool = False
        self.name: str = ""
        self.early: Parts = Parts()
        self.joiner: SurrogateJoiner = SurrogateJoiner()
        self.bound: ArgumentsBound = ArgumentsBound(limits)
        self.arguments: ArgumentsReader = ArgumentsReader(limits.arguments_bytes_max, held)

    @property
    def is_known(self) -> bool:
        """Whether it is known what is called; a custom tool's call is not read, and needs no name."""
        return bool(self.name) or self.is_custom


class CallTracker:
    """All calls of one response. `defect` says which fragment could not be one; `ignored` counts what is not read.

    Ids, and arguments that wait for a name, count in `held`.
    """

    def __init__(self, limits: Limits, held: HeldBytes) -> None:
        self.defect: str | None = None
        self.ignored: Counter[str] = Counter()
        self.response_key: str = ""
        """What makes a made-up id this response's own."""
        self._limits = limits
        self._held = held
        self._by_index: dict[int, _Call] = {}
        self._by_given: dict[str, _Call] = {}
        self._lowest = 0  # of the indexes that were not seen
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
        call = self._continued_by(fragment, name, arguments)
        if call is None:
            if not (name or arguments or name_at(fragment, "id")):
                self.ignored[Ignored.EMPTY_CALL] += 1
                return
            yield from self._close_whole()
            call = self._new_call(fragment, name)
            if call is None:
                return
        if name and call.name and name != call.name:
            yield from self._rename(call, fragment, name, arguments)
            return
        if call.is_closed and arguments.strip():
            self.ignored[Ignored.TOLD_AGAIN] += (is_again := call.arguments.repeats(arguments))
            if not is_again:
                self.defect = "seen more arguments of a call after the next call began; expected none"
        elif not call.is_closed:
            yield from self._add(call, name, arguments)

    @property
    def are_whole(self) -> bool:
        """Whether there are calls, and the arguments of all are an object."""
        return self.has_calls and all(call.is_known and call.arguments.is_whole for call in self._open)

    def close(self, *, is_cut: bool = False, spares_objects: bool = False) -> Iterator[StreamEvent]:
        """Close the calls that are open. `is_cut`: the end of the answer cut the last of them, and what is not whole.

        With `spares_objects` the last is whole like the others, if its arguments are an object.

        Where one of them never got a name, none is: whose arguments its fragments were is not known.
        """
        if not all(call.is_known for call in self._open):
            self.defect = "seen a call without a name; expected function.name"
            return
        for call in sorted(self._open, key=lambda call: call.index or 0):
            rest = call.arguments.close()
            is_last = call is self._last and not spares_objects
            cuts = is_cut and (is_last or not call.arguments.is_whole)
            yield from self._close(call, "" if cuts and call.arguments.is_bare else rest, is_cut=cuts)
        self._open.clear()

    def _close_whole(self) -> Iterator[StreamEvent]:
        while self._open and self._can_close(self._open[0]):
            yield from self._close(self._open.popleft(), "", is_cut=False)

    def _can_close(self, call: _Call) -> bool:
        is_next = call.index is None or call.index <= self._lowest
        return is_next and call.is_known and (call.arguments.is_whole or call.is_custom)

    def _close(self, call: _Call, rest: str, *, is_cut: bool) -> Iterator[StreamEvent]:
        call.is_closed = True
        self.ignored.update(call.arguments.ignored)
        if not call.name:  # a custom tool's, which is not read
            self.ignored[Ignored.UNNAMED_CALL] += 1
            return
        if call.arguments.has_two:
            self.defect = "seen arguments of a call after its arguments; expected one object"
            return
        if rest := call.joiner.take(rest) + call.joiner.flush():
            yield ToolCallDelta(call.id, rest)
        yield BlockStop(call.id, is_cut=is_cut, repeats=call.repeats)

    def _continued_by(self, fragment: JSONObject, name: str, arguments: str) -> _Call | None:
        """Return the call that a fragment continues, or None where it begins one."""
        index, call_id = count_at(fragment, "index"), name_at(fragment, "id")
        call = self._last if index is None else self._by_index.get(index)
        if call is None:
            return None
        if call_id and call.given and call_id != call.given:
            return None if name or call.arguments.is_whole else call
        if index is None and not call_id and name:
            return None
        if name and call.arguments.is_whole and (index is None or not call_id):
            is_repeated = name == call.name and (not arguments.strip() or call.arguments.repeats(arguments))
            return call if is_repeated else None
        return call

    def _new_call(self, fragment: JSONObject, name: str) -> _Call | None:
        given = name_at(fragment, "id")
        other = self._by_given.get(given)
        if other is not None and not other.arguments.is_whole and name in ("", other.name):
            self.defect = "seen the id of a call twice before its arguments were whole; expected an id of its own"
            return None
        call = _Call(self._ids.choose(given, self.response_key), fragment, self._limits, self._held)
        if (defect := self._ids.admit(call.id)) is not None:
            self.defect = defect
            return None
        self.ignored[Ignored.CALL_ID_AGAIN] += call.repeats is not None
        self._held.hold(len(call.id))
        self._open.append(call)
        self._last = call
        if given:
            self._by_given[given] = call
        if call.index is not None:
            self._by_index[call.index] = call
            while self._lowest in self._by_index:
                self._lowest += 1
        return call

    def _rename(self, call: _Call, fragment: JSONObject, name: str, arguments: str) -> Iterator[StreamEvent]:
        """Take another name of a call that has one: the rest of it, where it can be nothing else."""
        is_more = not (arguments.strip() or name_at(fragment, "id") or name.startswith(call.name))
        if call.is_closed or not is_more or not call.arguments.is_bare:
            self.defect = "seen another name of a call that has one; expected one name a call"
            return
        self.ignored[Ignored.NAME_IN_PARTS] += 1
        call.name += name
        yield BlockStop(call.id, voided="its name goes on")
        yield ToolCallStart(call.id, call.name, call.index)

    def _add(self, call: _Call, name: str, arguments: str) -> Iterator[StreamEvent]:
        arguments = call.arguments.take(arguments)
        if (too_long := call.bound.add(arguments)) is not None:
            self.defect = too_long
            return
        if name and not call.name:
            call.name = name
            yield ToolCallStart(call.id, name, call.index)
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
