"""The end of a Gemini stream: whether a finish reason was said, and whether it needs an end in order to be believed."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.core.stop import StopReason
from ...engine.core.stream_events import ReasoningDelta, StreamEvent, TextDelta


class Ending:
    """The finish reasons of one response; what is said behind one takes it back."""

    __slots__ = ("_has_text", "_is_cheap", "_needs_order", "is_finished")

    def __init__(self) -> None:
        self.is_finished: bool = False
        self._has_text = self._is_cheap = self._needs_order = False

    def take_chunk(self, said: Sequence[StreamEvent]) -> None:
        """Take what a chunk says, before its finish reason."""
        if self.is_finished and said:
            self.is_finished, self._is_cheap = False, True
        self._has_text = any(isinstance(event, TextDelta | ReasoningDelta) for event in said)

    def take_reason(self, reason: StopReason) -> None:
        """Take the finish reason of the chunk at hand."""
        self.is_finished = True
        self._needs_order = self._has_text or self._is_cheap or reason is StopReason.OTHER

    def counts_at_end(self, *, is_broken: bool) -> bool:
        """Whether the answer is whole where the body ended so."""
        return self.is_finished and not (is_broken and self._needs_order)
