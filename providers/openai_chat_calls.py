"""The tool calls of a Chat Completions stream: which fragment belongs to which call, and when a call is closed.

The rule (wire-formats §3.8, from recordings of a dozen servers): a fragment opens a new call if its index is new, or if
it has an id that is not the open call's at that index; without an index, if it has an id or a name of its own. The
format has no end of a call: it is closed when the next one opens, or at the finish.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.core.json_value import JSONObject, JSONValue
from ..engine.core.policy import Limits
from ..engine.core.stream_events import BlockStop, StreamEvent, ToolCallDelta, ToolCallStart
from .surrogates import SurrogateJoiner
from .wire_json import count_at, object_at, text_at, write_json


class _Call:
    """One call between its first fragment and its close. It is announced once its name is known."""

    __slots__ = ("arguments_bytes", "early", "id", "is_announced", "is_closed", "is_custom", "is_id_given", "joiner")

    def __init__(self, call_id: str, *, is_id_given: bool, is_custom: bool) -> None:
        self.id = call_id
        self.is_id_given = is_id_given
        self.is_custom = is_custom
        self.is_announced = False
        self.is_closed = False
        self.early: list[str] = []
        self.joiner = SurrogateJoiner()
        self.arguments_bytes = 0


class CallTracker:
    """All calls of one response. `defect` says which fragment could not be one; `ignored` counts what is not read."""

    def __init__(self, limits: Limits) -> None:
        self.defect: str | None = None
        self.ignored = 0
        self.response_key = ""
        """What makes a made-up id this response's own."""
        self._limits = limits
        self._by_index: dict[int, _Call] = {}
        self._ids: set[str] = set()
        self._last: _Call | None = None

    @property
    def has_calls(self) -> bool:
        """Whether the answer holds a call."""
        return bool(self._ids)

    def take(self, fragment: JSONObject) -> Iterator[StreamEvent]:
        """Take one element of `tool_calls`; say what it opens, closes and adds."""
        function = object_at(fragment, "function")
        arguments = _arguments(function.get("arguments"))
        if arguments is None:
            self.defect = "seen arguments of a call that are neither text nor an object; expected a string of JSON"
            return
        call = self._open_call(fragment, function)
        if call is None:
            yield from self.close()
            call = self._new_call(fragment)
            if call is None:
                return
        if call.is_closed:
            if arguments:
                self.defect = "seen more arguments of a call after the next call began; expected none"
            return
        yield from self._add(call, text_at(function, "name"), arguments)

    def close(self, *, is_cut: bool = False) -> Iterator[StreamEvent]:
        """Close the call that is open; `is_cut` says that the end of the answer closed it."""
        call = self._last
        if call is None or call.is_closed:
            return
        call.is_closed = True
        if call.is_announced:
            if rest := call.joiner.flush():
                yield ToolCallDelta(call.id, rest)
            yield BlockStop(call.id, is_cut=is_cut)
        elif call.is_custom:
            self.ignored += 1
        else:
            self.defect = "seen a call without a name; expected function.name"

    def _open_call(self, fragment: JSONObject, function: JSONObject) -> _Call | None:
        """Return the call that a fragment continues, or None where it begins one."""
        index, call_id = count_at(fragment, "index"), text_at(fragment, "id")
        call = self._last if index is None else self._by_index.get(index)
        if call is None or (call_id and call.is_id_given and call_id != call.id):
            return None
        if index is None and not call_id and text_at(function, "name"):
            return None
        return call

    def _new_call(self, fragment: JSONObject) -> _Call | None:
        given = text_at(fragment, "id")
        call_id = given or f"call_{self.response_key}_{len(self._ids)}"
        if call_id in self._ids:
            self.defect = "seen the id of a call twice; expected each once"
            return None
        if len(self._ids) >= self._limits.calls_max:
            self.defect = f"seen more than {self._limits.calls_max} calls; expected at most that (calls_max)"
            return None
        call = _Call(call_id, is_id_given=bool(given), is_custom=text_at(fragment, "type") == "custom")
        self._ids.add(call_id)
        self._last = call
        index = count_at(fragment, "index")
        if index is not None:
            self._by_index[index] = call
        return call

    def _add(self, call: _Call, name: str, arguments: str) -> Iterator[StreamEvent]:
        call.arguments_bytes += len(arguments.encode("utf-8", "surrogatepass"))
        if call.arguments_bytes > self._limits.arguments_bytes_max:
            bound = self._limits.arguments_bytes_max
            self.defect = f"seen arguments longer than {bound} bytes; expected at most that (arguments_bytes_max)"
            return
        if name and not call.is_announced:
            call.is_announced = True
            yield ToolCallStart(call.id, name)
            arguments = "".join([*call.early, arguments])
        if not call.is_announced:
            call.early.append(arguments)
        elif text := call.joiner.take(arguments):
            yield ToolCallDelta(call.id, text)


def _arguments(value: JSONValue) -> str | None:
    if value is None:
        return ""
    if isinstance(value, dict):
        return write_json(value)  # older Ollama and Mistral's types: the object itself
    return value if isinstance(value, str) else None
