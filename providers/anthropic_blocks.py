"""One open content block of the Messages API: what its start, its deltas and its stop mean."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.core.json_value import JSONObject
from ..engine.core.messages import OpaqueBlock
from ..engine.core.policy import Limits
from ..engine.core.printable import named
from ..engine.core.stream_events import (
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
from ..engine.core.tool_json import parse_arguments
from .surrogates import SurrogateJoiner
from .wire_json import object_at, text_at, write_json

_SERVER_TOOLS = frozenset({"server_tool_use", "mcp_tool_use"})
_COMPACTED = ("content", "encrypted_content")
_DELTA_KINDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "thinking"}


def open_block(start: JSONObject, origin: str, limits: Limits) -> OpenBlock | None:
    """Make the block that a `content_block_start` opens, or None where it can not be named."""
    kind = text_at(start, "type")
    is_named = kind != "tool_use" or (text_at(start, "id") and text_at(start, "name"))
    return OpenBlock(kind, start, origin, limits) if kind and is_named else None


class OpenBlock:
    """A block between its start and its stop. `defect` says why its last event could not be one.

    Deltas of a kind that is not known are counted, not read; a block that is kept for replay is then kept no longer,
    for it would go back with a part missing.
    """

    __slots__ = (
        "_arguments_bytes", "_ignored", "_is_lossy", "_joiner", "_limits", "_origin", "_parts", "_start", "defect",
        "id", "is_call", "kind",
    )  # fmt: skip

    def __init__(self, kind: str, start: JSONObject, origin: str, limits: Limits) -> None:
        self.kind = kind
        self.id = text_at(start, "id")
        self.is_call = kind == "tool_use"
        self.defect: str | None = None
        self._start = start
        self._origin = origin
        self._limits = limits
        self._joiner = SurrogateJoiner()
        self._parts: list[str] = []
        self._arguments_bytes = 0
        self._is_lossy = False
        self._ignored = 0

    @property
    def is_holding(self) -> bool:
        """Whether half a character waits for the other half."""
        return bool(self._joiner.held)

    @property
    def is_unsure(self) -> bool:
        """Whether the ceiling may have fallen inside, although it was closed.

        The API says each parameter once it is whole, so a call that was cut before its first looks like one without.
        """
        said = "".join(self._parts).strip()
        if not said:
            return (self.is_call or self.kind in _SERVER_TOOLS) and not object_at(self._start, "input")
        return self.kind in _SERVER_TOOLS and parse_arguments(said) is None

    def take_ignored(self) -> int:
        """Return how many deltas were ignored since this was last asked."""
        ignored, self._ignored = self._ignored, 0
        return ignored

    def open_events(self, start: JSONObject) -> Iterator[StreamEvent]:
        """Say what the start says: a call's name, and whatever text the block brings along."""
        match self.kind:
            case "text":
                yield from self._say(text_at(start, "text"))
            case "thinking":
                yield from self._say(text_at(start, "thinking"))
                if signature := text_at(start, "signature"):
                    yield ReasoningSignature(signature)
            case "tool_use":
                yield ToolCallStart(self.id, text_at(start, "name"))
            case "redacted_thinking":
                yield RedactedReasoning(text_at(start, "data"))
            case kind if kind in _SERVER_TOOLS:
                yield ServerToolStarted(text_at(start, "name"))
            case _:
                pass

    def delta_events(self, delta: JSONObject) -> Iterator[StreamEvent]:
        """Say what a delta adds."""
        kind = text_at(delta, "type")
        if _DELTA_KINDS.get(kind, self.kind) != self.kind:
            self.defect = f"seen a {named(kind)} in a {named(self.kind)} block; expected one of its own kind"
            return
        match kind:
            case "text_delta":
                yield from self._say(text_at(delta, "text"))
            case "thinking_delta":
                yield from self._say(text_at(delta, "thinking"))
            case "signature_delta":
                yield ReasoningSignature(text_at(delta, "signature"))
            case "input_json_delta":
                yield from self._argue(text_at(delta, "partial_json"))
            case "compaction_delta" if self.kind == "compaction":  # assigned, as the official library does
                self._start = {**self._start, **{key: delta[key] for key in _COMPACTED if key in delta}}
            case "citations_delta":
                pass  # known, and no part of our vocabulary
            case _:
                self._ignored += 1
                self._is_lossy = True

    def close_events(self) -> Iterator[StreamEvent]:
        """Say what is sure only now: the whole of an opaque block, arguments that came with the start, the stop."""
        yield from self._emit(self._joiner.flush())
        match self.kind:
            case "text" | "thinking":
                yield BlockStop()
            case "tool_use":
                if not self._parts and (given := object_at(self._start, "input")):
                    yield ToolCallDelta(self.id, write_json(given))
                yield BlockStop(self.id)
            case "redacted_thinking":
                pass
            case _:
                yield from self._close_opaque()

    def _say(self, text: str) -> Iterator[StreamEvent]:
        return self._emit(self._joiner.take(text))

    def _emit(self, text: str) -> Iterator[StreamEvent]:
        if not text:
            return
        if self.kind == "text":
            yield TextDelta(text)
        elif self.kind == "thinking":
            yield ReasoningDelta(text)
        else:
            self._parts.append(text)
            if self.is_call:
                yield ToolCallDelta(self.id, text)

    def _argue(self, fragment: str) -> Iterator[StreamEvent]:
        if not self.is_call and self.kind not in _SERVER_TOOLS:
            self._ignored += 1
            self._is_lossy = True
            return
        self._arguments_bytes += len(fragment.encode("utf-8", "surrogatepass"))
        if self._arguments_bytes > self._limits.arguments_bytes_max:
            bound = self._limits.arguments_bytes_max
            self.defect = f"seen arguments longer than {bound} bytes; expected at most that (arguments_bytes_max)"
            return
        yield from self._emit(self._joiner.take(fragment))

    def _close_opaque(self) -> Iterator[StreamEvent]:
        data = dict(self._start)
        if self._parts:
            given = parse_arguments("".join(self._parts))
            if given is None:
                self.defect = f"seen a {named(self.kind)} block whose input is no JSON object; expected one"
                return
            data["input"] = given
        if self._is_lossy:
            self._ignored += 1
            return
        yield OpaqueBlockReceived(
            OpaqueBlock(self.kind, data, self._origin), closes_server_tool=self.kind.endswith("_tool_result")
        )
