"""One open step of an interaction: what its start, its deltas and its stop mean; and how it is carried in a cursor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ...engine.core.answer_blocks import Parts
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_bounds import objects_bytes
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.messages import OpaqueBlock
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    ServerToolStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...engine.core.tool_json import parse_arguments
from ..wire.arguments import ArgumentsReader
from ..wire.call_bounds import ArgumentsBound
from ..wire.json import arguments_of, call_name_at, list_at, object_at, text_at, write_json
from ..wire.spoken import NOT_TEXT, spoken_at
from ..wire.surrogates import SurrogateJoiner
from ..wire.untyped import kind_by_key

_OURS = frozenset({"user_input", "function_result"})
"""What the caller said, told back: nothing of the answer."""

_SPOKEN = {"text": "model_output", "thought_summary": "thought"}
"""The deltas that are said, and the steps in which they are: the delta's own kind counts, and parts the block."""

_UNTYPED = {
    "model_output": {"text": "text"},
    "thought": {"content": "thought_summary", "signature": "thought_signature"},
    "function_call": {"arguments": "arguments_delta"},
}
"""What a delta without a type says at a key, in each kind of step."""

_PLAIN = frozenset({"thought", "model_output", "function_call"})


def open_step(start: JSONObject, text: str, origin: str, limits: Limits, held: HeldBytes) -> OpenStep | None:
    """Make the step that a `step.start` opens, or None where it can not be named. `text` is the event it came in."""
    kind = text_at(start, "type")
    is_named = kind != "function_call" or (_name_of(start, "id") and _name_of(start, "name"))
    return OpenStep(kind, start, text, origin, limits, held) if kind and is_named else None


def restore_step(carried: JSONObject, origin: str, limits: Limits, held: HeldBytes) -> OpenStep | None:
    """Make the step that a cursor carried, or None for what is none."""
    kind = text_at(carried, "kind")
    if kind not in _PLAIN | _OURS:
        return None
    start: dict[str, JSONValue] = {"id": text_at(carried, "id"), "arguments": object_at(carried, "arguments")}
    step = OpenStep(kind, start, write_json(start), origin, limits, held)
    step.let_go()
    step.restore(text_at(carried, "held"), is_argued=carried.get("argued") is True)
    step.repeats = text_at(carried, "repeats") or None
    return step


class OpenStep:
    """A step between its start and its stop. `defect` says why its last event could not be one.

    Of its start only what its stop needs is kept (`let_go`), and counted in `held`: all of a step that has to go back
    unchanged, the arguments of a call.
    """

    __slots__ = (
        "_argued", "_arguments", "_bound", "_data", "_held", "_held_bytes", "_ignored", "_joiner", "_limits", "_origin",
        "_start_text", "defect", "id", "kind", "name", "repeats",
    )  # fmt: skip

    def __init__(self, kind: str, start: JSONObject, text: str, origin: str, limits: Limits, held: HeldBytes) -> None:
        self.kind: str = kind
        self.id: str = _name_of(start, "id")
        self.name: str = _name_of(start, "name")
        self.repeats: str | None = None
        self.defect: str | None = None
        self._data: dict[str, JSONValue] = dict(start)
        self._origin = origin
        self._limits = limits
        self._joiner = SurrogateJoiner()
        self._argued: Parts | None = None
        self._bound = ArgumentsBound(limits)
        self._arguments = ArgumentsReader(limits.arguments_bytes_max, held)
        self._ignored: Counter[str] = Counter()
        self._held, self._held_bytes = held, 0
        self._start_text = text

    @property
    def is_call(self) -> bool:
        """Whether the caller's tool is called."""
        return self.kind == "function_call"

    @property
    def is_server_call(self) -> bool:
        """Whether a server-side tool is called: from here to its result a retry could run it twice."""
        return self.kind.endswith("_call") and not self.is_call

    @property
    def is_result(self) -> bool:
        """Whether this is what a server-side tool answered."""
        return self.kind.endswith("_result") and self.kind not in _OURS

    @property
    def is_kept(self) -> bool:
        """Whether the step is kept whole for its stop; a cursor does not carry it."""
        return self.kind not in _PLAIN | _OURS

    @property
    def is_whole(self) -> bool:
        """Whether the arguments of a call are an object, though its stop has not come."""
        return self._arguments.is_whole or (self._arguments.is_bare and bool(object_at(self._data, "arguments")))

    @property
    def is_holding(self) -> bool:
        """Whether arguments wait that a cursor does not carry."""
        return self._arguments.is_holding

    def take_ignored(self) -> Counter[str]:
        """Return how many parts were ignored since this was last asked."""
        ignored = self._ignored + self._arguments.ignored
        self._ignored, self._arguments.ignored = Counter(), Counter()
        return ignored

    def let_go(self) -> None:
        """Forget of the start what is not needed any more, once it was said; count what is kept."""
        if not self.is_kept:
            given = object_at(self._data, "arguments")
            self._data = {"arguments": given} if given and self.is_call else {}
        if self._data:
            self._hold(_held_bytes(self._start_text))
        self._start_text = ""

    @property
    def carried_chars(self) -> int:
        """How long what a cursor holds of this step may be. Cost: O(1)."""
        return len(self.id) + (self._held_bytes if self._argued is None else 0)

    def carried(self) -> dict[str, JSONValue]:
        """Return what a cursor has to hold of this step."""
        fields: dict[str, JSONValue] = {
            "kind": self.kind,
            "id": self.id,
            "held": self._joiner.held,
            "argued": self._argued is not None,
            "repeats": self.repeats or "",
            "arguments": object_at(self._data, "arguments") if self.is_call and self._argued is None else {},
        }
        return {name: value for name, value in fields.items() if value}

    def restore(self, held: str, *, is_argued: bool) -> None:
        """Go on where a cursor was taken: with half a character, or with arguments that have begun."""
        self._joiner.held = held if len(held) == 1 and "\ud800" <= held <= "\udbff" else ""
        self._argued = Parts() if is_argued else None
        if is_argued:
            self._arguments = ArgumentsReader(self._limits.arguments_bytes_max, self._held, is_resumed=True)

    def open_events(self) -> Iterator[StreamEvent]:
        """Say what the start says: a call's name, and whatever content the step brings along."""
        if self.is_call:
            if signature := text_at(self._data, "signature"):
                yield ReasoningSignature(signature)
                yield BlockStop()
            yield ToolCallStart(self.id, self.name)
        elif self.is_server_call:
            yield ServerToolStarted(self.name or self.kind.removesuffix("_call"))
        elif self.kind == "thought":
            for content in self._contents("summary"):
                yield from self._summarise(content)
            yield from self._sign(self._data)
        elif self.kind == "model_output":
            for content in self._contents("content"):
                yield from self._say(content)

    def _contents(self, name: str) -> Sequence[JSONValue]:
        contents, bound = list_at(self._data, name), self._limits.blocks_max
        if len(contents) <= bound:
            return contents
        self.defect = f"seen a step of {len(contents)} contents; expected at most {bound} (blocks_max)"
        return ()

    def delta_events(self, delta: JSONObject, text: str) -> Iterator[StreamEvent]:
        """Say what a delta adds; `text` is the event it came in."""
        kind = text_at(delta, "type")
        if not kind and self.kind in _UNTYPED:
            kind = self._kind_of(delta)
            delta = {**delta, "type": kind}
            if self.defect is not None or not kind:
                return
        if self._is_misplaced(kind, delta):
            self.defect = f"seen a {named(kind)} in a {named(self.kind)}; expected one of its own kind"
            return
        if self.kind in _SPOKEN.values() and (spoken := _SPOKEN.get(kind, self.kind)) != self.kind:
            yield from self._emit(self._joiner.flush())
            yield BlockStop()
            self._ignored[Ignored.OTHER_KIND] += 1
            self.kind = spoken
        match self.kind, kind:
            case "function_call", "arguments_delta":
                yield from self._argue(arguments_of(delta.get("arguments")))
            case "thought", "thought_summary":
                yield from self._summarise(delta.get("content"))
            case "thought", "thought_signature":
                yield from self._sign(delta)
            case ("model_output", "text_annotation_delta") | (_, "thought_signature"):
                pass  # known, and no part of our vocabulary; a step's own signature has come with its start
            case "model_output", _:
                yield from self._say(delta)
            case _:
                self._merge(delta, text)

    def _kind_of(self, delta: JSONObject) -> str:
        """Return the kind of a delta that does not say it: what it says has to be what its step holds."""
        kind = kind_by_key(delta, _UNTYPED[self.kind])
        if kind is None:
            self.defect = f"seen a delta without a type in a {named(self.kind)}; expected one of its own kind"
        self._ignored[Ignored.UNTYPED if kind else Ignored.UNKNOWN_DELTA] += 1
        return kind or ""

    def _is_misplaced(self, kind: str, delta: JSONObject) -> bool:
        """Whether this is text in a call, or arguments in what is said."""
        if self.is_call:
            return kind in _SPOKEN
        return self.kind in _SPOKEN.values() and kind == "arguments_delta" and bool(delta.get("arguments"))

    def close_events(self, *, closes_server_tool: bool = False) -> Iterator[StreamEvent]:
        """Say what is sure only now: arguments that came with the start, the whole of a kept step, the stop."""
        self._hold(-self._held_bytes)
        if self.is_call:
            given, rest = object_at(self._data, "arguments"), self._arguments.close()
            if given and self._arguments.is_bare:
                rest = write_json(given)
            if self._arguments.has_two or (given and self._arguments.is_empty_object):
                self.defect = "seen arguments of a call after its arguments; expected one object"
                return
            if text := self._joiner.take(rest) + self._joiner.flush():
                yield ToolCallDelta(self.id, text)
            yield BlockStop(self.id, repeats=self.repeats)
            return
        yield from self._emit(self._joiner.flush())
        if self.kind in _PLAIN:
            yield BlockStop()
        elif self.is_kept:
            if self._argued is not None:
                self._data["arguments"] = parse_arguments(self._argued.read(), self._limits.values_max) or {}
            block = OpaqueBlock(self.kind, self._data, self._origin)
            yield OpaqueBlockReceived(block, closes_server_tool=closes_server_tool)

    def _say(self, content: JSONValue) -> Iterator[StreamEvent]:
        """Say a piece of the output: text, or something that is kept as it came."""
        if not isinstance(content, dict) or not text_at(content, "type"):
            self._ignored[Ignored.UNKNOWN_PART] += 1
        elif content["type"] == "text":
            yield from self._speak(content)
        else:
            yield from self._emit(self._joiner.flush())
            yield OpaqueBlockReceived(OpaqueBlock(text_at(content, "type"), content, self._origin))

    def _summarise(self, content: JSONValue) -> Iterator[StreamEvent]:
        if isinstance(content, dict) and content.get("type", "text") == "text" and "text" in content:
            yield from self._speak(content)
        else:
            self._ignored[Ignored.UNKNOWN_PART] += 1

    def _speak(self, content: JSONObject) -> Iterator[StreamEvent]:
        text = spoken_at(content, "text")
        if text is None:
            self.defect = NOT_TEXT
        else:
            yield from self._emit(self._joiner.take(text))

    def _sign(self, holder: JSONObject) -> Iterator[StreamEvent]:
        if signature := text_at(holder, "signature"):  # empty ones were recorded before the one that counts
            yield ReasoningSignature(signature)

    def _emit(self, text: str) -> Iterator[StreamEvent]:
        if text:
            yield ReasoningDelta(text) if self.kind == "thought" else TextDelta(text)

    def _argue(self, fragment: str | None) -> Iterator[StreamEvent]:
        if fragment is None:
            self.defect = NOT_TEXT
            return
        fragment = self._arguments.take(fragment)
        if self._argued is None and not self._arguments.is_bare:  # what the start said of them counts no more
            self._argued, self._data = Parts(), {}
            self._hold(-self._held_bytes)
        if (defect := self._bound.add(fragment)) is not None:
            self.defect = defect
        elif text := self._joiner.take(fragment):
            yield ToolCallDelta(self.id, text)

    def _hold(self, size_bytes: int) -> None:
        """Count what is kept until the stop; less than nothing: it is kept no longer."""
        self._held_bytes += size_bytes
        self._held.hold(size_bytes)

    def _merge(self, delta: JSONObject, text: str) -> None:
        """Add a delta to a step that is kept: lists grow, objects are merged, anything else is replaced."""
        if not self.is_kept:
            self._ignored[Ignored.UNKNOWN_DELTA] += 1
            return
        self._hold(_held_bytes(text))
        if text_at(delta, "type") == "arguments_delta":
            self._argued = Parts() if self._argued is None else self._argued
            self._argued.append(text_at(delta, "arguments"))
        else:
            for name, value in delta.items():
                if name != "type":
                    self._data[name] = _merged(self._data.get(name), value)


def _held_bytes(event: str) -> int:
    return len(event) + objects_bytes(event)


def _merged(before: JSONValue, value: JSONValue) -> JSONValue:
    """Grow what is kept in place, so that the work is linear in what comes: nobody else has it yet."""
    if isinstance(before, list) and isinstance(value, list):
        before.extend(value)
        return before
    if isinstance(before, dict) and isinstance(value, dict):
        before.update(value)
        return before
    return value


def _name_of(start: JSONObject, key: str) -> str:
    return text_at(start, key) or call_name_at(start, key)
