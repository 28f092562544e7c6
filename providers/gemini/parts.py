"""The parts of a Gemini answer as stream events. Parts have no ends of their own: a block ends where the kind changes.

Thought signatures, by the convention that `gemini_encode` reads back:
- one on a call is a reasoning block without text directly before the call's start;
- one on text, or on a part without text (often the last), is a reasoning block without text directly after that text;
- one on a thought is that block's own, and holds for that part alone: what was thought before it is a block by itself,
  for a signed part must not be merged with an unsigned one;
- one on any other part stays inside it, for such a part is kept and sent back as it came.

Source: wire-formats §5.2; ai.google.dev/gemini-api/docs/thought-signatures (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...engine.core.ignored import Ignored
from ...engine.core.json_value import JSONObject
from ...engine.core.messages import OpaqueBlock
from ...engine.core.policy import Limits
from ...engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    ServerToolStarted,
    StreamEvent,
    TextDelta,
)
from ..wire.json import object_at, text_at
from ..wire.surrogates import SurrogateJoiner
from .tool_calls import CallReader

_ANNOTATIONS = frozenset(
    {"thought", "thoughtSignature", "partMetadata", "mediaResolution", "mediaProcessing", "videoMetadata"}
)
"""What may stand beside the one field that says what a part is."""


class PartReader:
    """Reads the parts of one response in order. `defect` says which could not be one.

    A server-side tool is over when every call of one (`executableCode`, `toolCall`) has its result.
    """

    def __init__(self, origin: str, limits: Limits, calls: CallReader) -> None:
        self.ignored: Counter[str] = Counter()
        self._origin = origin
        self._limits = limits
        self._calls = calls
        self._joiner = SurrogateJoiner()
        self._said: type[TextDelta] | type[ReasoningDelta] | None = None
        self._blocks = 0
        self._tools_open = 0
        self._defect: str | None = None

    @property
    def defect(self) -> str | None:
        """What was seen and expected, once a part could not be one; None until then."""
        return self._defect or self._calls.defect

    def take(self, part: JSONObject) -> Iterator[StreamEvent]:
        """Say what one part adds."""
        signature = text_at(part, "thoughtSignature")
        text = part.get("text")
        if isinstance(part.get("functionCall"), dict):
            yield from self._close_block()
            yield from self._sign(signature)
            yield from self._calls.take(object_at(part, "functionCall"))
            if text_at(object_at(part, "functionCall"), "name"):  # a piece that goes on with a call is no block
                self._count_block()
        elif isinstance(text, str) and part.get("thought") is True:
            yield from self._think(text, signature)
        elif isinstance(text, str):
            yield from self._say(TextDelta, text)
            yield from self._sign(signature)
        else:
            yield from self._keep(part, signature)

    def flush(self) -> Iterator[StreamEvent]:
        """Say what stands for half a character whose other half did not come."""
        rest = self._joiner.flush()
        if rest and self._said is not None:
            yield self._said(rest)

    def _think(self, text: str, signature: str) -> Iterator[StreamEvent]:
        if not signature:
            yield from self._say(ReasoningDelta, text)
            return
        yield from self._close_block()
        yield from self._say(ReasoningDelta, text)
        yield from self.flush()
        self._said = None
        self._count_block()
        yield ReasoningSignature(signature)
        yield BlockStop()

    def _say(self, kind: type[TextDelta] | type[ReasoningDelta], text: str) -> Iterator[StreamEvent]:
        if not text:
            return
        if kind is not self._said:
            yield from self._close_block()
            self._count_block()
            self._said = kind
        if whole := self._joiner.take(text):
            yield kind(whole)

    def _sign(self, signature: str) -> Iterator[StreamEvent]:
        """Put a signature into a block of its own."""
        if signature:
            yield from self._close_block()
            self._count_block()
            yield ReasoningSignature(signature)
            yield BlockStop()

    def _close_block(self) -> Iterator[StreamEvent]:
        yield from self.flush()
        if self._said is not None:
            self._said = None
            yield BlockStop()

    def _keep(self, part: JSONObject, signature: str) -> Iterator[StreamEvent]:
        """Keep a part whole that only the provider understands: a server-side tool, its result, an image."""
        kind = next((key for key in part if key not in _ANNOTATIONS), "")
        if kind in ("", "text", "functionCall"):  # the last two hold something that is neither
            self.ignored[Ignored.UNKNOWN_PART] += not signature
            yield from self._sign(signature)
            return
        yield from self._close_block()
        self._count_block()
        if tool := _server_tool(kind, part):
            self._tools_open += 1
            yield ServerToolStarted(tool)
        is_result = kind in ("codeExecutionResult", "toolResponse")
        self._tools_open = max(self._tools_open - is_result, 0)
        yield OpaqueBlockReceived(
            OpaqueBlock(kind, part, self._origin), closes_server_tool=is_result and not self._tools_open
        )

    def _count_block(self) -> None:
        self._blocks += 1
        if self._blocks > self._limits.blocks_max:
            bound = self._limits.blocks_max
            self._defect = f"seen more than {bound} blocks; expected at most that (blocks_max)"


def _server_tool(kind: str, part: JSONObject) -> str:
    """Return the name of the server-side tool that a part starts; "" for any other part."""
    if kind == "executableCode":
        return "code_execution"
    return text_at(object_at(part, kind), "toolType") or "server_tool" if kind == "toolCall" else ""
