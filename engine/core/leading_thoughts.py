"""The thoughts with which a continuation begins: left out where the answer already has its thoughts.

A model that always thinks thinks again before it goes on: about the turn that asks it to, or what it had thought
before. Those thoughts are paid for and are no part of the answer: they are neither shown nor kept. What is thought
behind the reply's first word is new, and so is a first thought of an answer that had none.
"""

from __future__ import annotations

from .held_blocks import size_bytes
from .stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    StreamEvent,
    TextDelta,
)
from .usage import UsageReport


class LeadingThoughts:
    """The thoughts before a reply's first word. `skips`: whether they are left out."""

    __slots__ = ("_skips",)

    def __init__(self, *, skips: bool) -> None:
        self._skips = skips

    def skip(self, event: StreamEvent) -> int | None:
        """Return how many bytes of thought an event says that is left out; None of one that is not."""
        if not self._skips:
            return None
        match event:
            case ReasoningDelta(text):
                return size_bytes(text)
            case ReasoningSignature() | RedactedReasoning() | BlockStop(None):
                return 0
            case UsageReport() | TextDelta(""):
                return None
            case _:
                self._skips = False
                return None
