"""One open content block of the Messages API: what its start, its deltas and its stop mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ...engine.core.answer_blocks import Parts, size_bytes
from ...engine.core.held_bytes import HeldBytes
from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject
from ...engine.core.messages import OpaqueBlock
from ...engine.core.policy import Limits
from ...engine.core.printable import named
from ...engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ServerToolStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...engine.core.tool_json import parse_arguments
from ..wire.arguments import ArgumentsReader
from ..wire.call_bounds import ArgumentsBound
from ..wire.json import arguments_of, call_name_at, held_bytes_of, name_at, text_at
from ..wire.spoken import NOT_TEXT, spoken_at
from ..wire.surrogates import SurrogateJoiner
from ..wire.untyped import kind_by_key

_SERVER_TOOLS = frozenset({"server_tool_use", "mcp_tool_use"})
_COMPACTED = ("content", "encrypted_content")
_READ = frozenset({"text", "thinking", "tool_use", "redacted_thinking"})
"""The kinds that are said as events: of their starts a call's input is kept. Any other start goes back as it came."""

_SPOKEN = frozenset({"text", "thinking"})
_UNTYPED = {
    "text": {"text": "text_delta", "citation": "citations_delta"},
    "thinking": {"thinking": "thinking_delta", "signature": "signature_delta"},
    "tool_use": {"partial_json": "input_json_delta"},
}
"""What a delta without a type says at a key, in each kind of block."""
_TYPED = _SERVER_TOOLS | _UNTYPED.keys()
_DELTA_KINDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "thinking"}


def open_block(start: JSONObject, origin: str, limits: Limits, held: HeldBytes) -> OpenBlock | None:
    """Make the block that a `content_block_start` opens, or None where it can not be named."""
    kind = name_at(start, "type")
    is_named = kind != "tool_use" or (call_name_at(start, "id") and call_name_at(start, "name"))
    return OpenBlock(kind, start, origin, limits, held) if kind and is_named else None


class OpenBlock:
    """A block between its start and its stop. `defect` says why its last event could not be one.

    `id` is a call's own, unless the provider gave it to another one before (`repeats`). Text in a block of thinking is
    text, and the other way round: the delta's own kind counts (counted), and parts the block there.
    Deltas of a kind that is not known are counted, not read; a block that is kept for replay is then kept no longer,
    for it would go back with a part missing. What it keeps counts in `held`, until it is closed.
    """

    __slots__ = (
        "_arguments", "_bound", "_given", "_has_input", "_has_said", "_held", "_ignored", "_is_lossy", "_joiner",
        "_kept_bytes", "_limits", "_origin", "_parts", "_said_ink", "_start", "defect", "id", "is_call", "kind",
        "repeats",
    )  # fmt: skip

    def __init__(self, kind: str, start: JSONObject, origin: str, limits: Limits, held: HeldBytes) -> None:
        self.kind: str = kind
        self.id: str = call_name_at(start, "id")
        self.repeats: str | None = None
        self.is_call: bool = kind == "tool_use"
        self.defect: str | None = None
        self._origin = origin
        self._limits = limits
        self._held = held
        self._joiner = SurrogateJoiner()
        given = start.get("input")
        self._has_input = given not in (None, "", "{}", {})
        self._given = (arguments_of(given) or "") if self.is_call and self._has_input else ""
        self._start: JSONObject = {} if kind in _READ else start
        self._parts = Parts()
        self._has_said = False
        self._said_ink = False  # whether any of the arguments was more than white space
        self._bound = ArgumentsBound(limits)
        self._arguments = ArgumentsReader(limits.arguments_bytes_max, held)
        self._kept_bytes = 0
        self._ignored: Counter[str] = Counter()
        self._is_lossy = False
        self._keep(len(self.id) + len(self._given) + (held_bytes_of(start) if self._start else 0))
        self.defect = self._bound.add(self._given) or self.defect

    @property
    def is_holding(self) -> bool:
        """Whether half a character waits for the other half."""
        return bool(self._joiner.held)

    @property
    def is_unsure(self) -> bool:
        """Whether the ceiling may have fallen inside, although it was closed.

        The API says each parameter once it is whole, so a call that was cut before its first looks like one without.
        """
        if not self._said_ink:
            return (self.is_call or self.kind in _SERVER_TOOLS) and not self._has_input
        return self.kind in _SERVER_TOOLS and parse_arguments(self._parts.read(), self._limits.values_max) is None

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are an object, though its stop has not come."""
        return self._arguments.is_whole or (self._has_input and not self._has_said)

    def take_ignored(self) -> Counter[str]:
        """Return how many deltas were ignored since this was last asked."""
        ignored = self._ignored + self._arguments.ignored
        self._ignored, self._arguments.ignored = Counter(), Counter()
        return ignored

    def open_events(self, start: JSONObject) -> Iterator[StreamEvent]:
        """Say what the start says: a call's name, and whatever text the block brings along."""
        match self.kind:
            case "text":
                yield from self._say(start, "text")
            case "thinking":
                yield from self._say(start, "thinking")
                if signature := text_at(start, "signature"):
                    yield ReasoningSignature(signature)
            case "tool_use":
                yield ToolCallStart(self.id, call_name_at(start, "name"))
            case "redacted_thinking":
                yield RedactedReasoning(text_at(start, "data"))
            case kind if kind in _SERVER_TOOLS:
                yield ServerToolStarted(name_at(start, "name"))
            case _:
                pass

    def delta_events(self, delta: JSONObject) -> Iterator[StreamEvent]:
        """Say what a delta adds."""
        kind = text_at(delta, "type") or self._kind_of(delta)
        if self.defect is not None:
            return
        if (spoken := _DELTA_KINDS.get(kind, self.kind)) != self.kind:
            if self.kind not in _SPOKEN:
                self.defect = f"seen a {named(kind)} in a {named(self.kind)} block; expected one of its own kind"
                return
            yield from self._turn_into(spoken)
        match kind:
            case "text_delta":
                yield from self._say(delta, "text")
            case "thinking_delta":
                yield from self._say(delta, "thinking")
            case "signature_delta":
                yield ReasoningSignature(text_at(delta, "signature"))
            case "input_json_delta":
                yield from self._argue(arguments_of(delta.get("partial_json")))
            case "compaction_delta" if self.kind == "compaction":  # assigned, as the official library does
                given = {key: delta[key] for key in _COMPACTED if key in delta}
                self._start = {**self._start, **given}
                self._keep(held_bytes_of(given))
            case "citations_delta":
                pass  # known, and no part of our vocabulary
            case _:
                self._ignored[Ignored.UNKNOWN_DELTA] += 1
                self._is_lossy = True

    def _kind_of(self, delta: JSONObject) -> str:
        """Return the kind of a delta that does not say it: what it says has to be what its block holds."""
        kinds = _UNTYPED["tool_use" if self.kind in _SERVER_TOOLS else self.kind] if self.kind in _TYPED else {}
        kind = kind_by_key(delta, kinds)
        if kind is None:
            self.defect = f"seen a delta without a type in a {named(self.kind)} block; expected one of its own kind"
        self._ignored[Ignored.UNTYPED] += bool(kind)
        return kind or ""

    def _turn_into(self, kind: str) -> Iterator[StreamEvent]:
        """Go on as a block of the other kind that is spoken."""
        yield from self._emit(self._joiner.flush())
        yield BlockStop()
        self._ignored[Ignored.OTHER_KIND] += 1
        self.kind = kind

    def close_events(self) -> Iterator[StreamEvent]:
        """Say what is sure only now: the whole of an opaque block, arguments that came with the start, the stop."""
        rest = self._arguments.close()
        if not (self._has_input and self._arguments.is_bare):
            yield from self._emit(self._joiner.take(rest))
        yield from self._emit(self._joiner.flush())
        if self._arguments.has_two or (self._has_input and self._arguments.is_empty_object):
            self.defect = "seen arguments of a call after its arguments; expected one object"
            return
        match self.kind:
            case "text" | "thinking":
                yield BlockStop()
            case "tool_use":
                if self._given and not self._has_said:
                    yield ToolCallDelta(self.id, self._given)
                yield BlockStop(self.id, repeats=self.repeats)
            case "redacted_thinking":
                pass
            case _:
                yield from self._close_opaque()
        self.forget()

    def forget(self) -> None:
        """Count what was kept as kept no longer: the block is closed, or left out."""
        self._held.release(self._kept_bytes)
        self._kept_bytes = 0

    def _keep(self, kept_bytes: int) -> None:
        self._kept_bytes += kept_bytes
        if not self._held.hold(kept_bytes):
            self.defect = self.defect or self._held.defect

    def _say(self, holder: JSONObject, key: str) -> Iterable[StreamEvent]:
        text = spoken_at(holder, key)
        if text is None:
            self.defect = NOT_TEXT
            return ()
        return self._emit(self._joiner.take(text))

    def _emit(self, text: str) -> Iterator[StreamEvent]:
        if not text:
            return
        if self.kind == "text":
            yield TextDelta(text)
        elif self.kind == "thinking":
            yield ReasoningDelta(text)
        else:
            self._said_ink = self._said_ink or not text.isspace()
            self._has_said = True
            if self.is_call:
                yield ToolCallDelta(self.id, text)
            else:
                self._parts.append(text)
                self._keep(size_bytes(text))

    def _argue(self, fragment: str | None) -> Iterator[StreamEvent]:
        if fragment is None:
            self.defect = NOT_TEXT
            return
        if not self.is_call and self.kind not in _SERVER_TOOLS:
            self._ignored[Ignored.UNKNOWN_DELTA] += 1
            self._is_lossy = True
            if fragment and self.kind in _SPOKEN:
                self.defect = f"seen arguments in a {named(self.kind)} block; expected them in their call's"
            return
        fragment = self._arguments.take(fragment)
        self.defect = self._bound.add(fragment) or self.defect
        if self.defect is None:
            yield from self._emit(self._joiner.take(fragment))

    def _close_opaque(self) -> Iterator[StreamEvent]:
        data = dict(self._start)
        if self._has_said:
            given = parse_arguments(self._parts.read(), self._limits.values_max)
            if given is None:
                self.defect = f"seen a {named(self.kind)} block whose input is no JSON object; expected one"
                return
            data["input"] = given
        if self._is_lossy:
            self._ignored[Ignored.LOSSY_BLOCK] += 1
            return
        yield OpaqueBlockReceived(
            OpaqueBlock(self.kind, data, self._origin), closes_server_tool=self.kind.endswith("_tool_result")
        )
