"""The thoughts with which a continuation begins: left out where the answer already has its thoughts.

A model that always thinks thinks again before it goes on: about the turn that asks it to, or what it had thought
before. Those thoughts are paid for and are no part of the answer: they are neither shown nor kept. What is thought
behind the reply's first word is new. So is the first thought of an answer that had none, and one about what a tool of
the provider's own has just answered.
"""

from __future__ import annotations

from .answer_blocks import size_bytes
from .messages import AnswerBlock, OpaqueBlock, ReasoningBlock
from .stream_events import (
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    StreamEvent,
    TextDelta,
)
from .usage import UsageReport


def has_thought(blocks: tuple[AnswerBlock, ...]) -> bool:
    """Whether an answer so far has its thoughts: any, and behind it more than the work that they led to."""
    is_due = bool(blocks) and isinstance(blocks[-1], OpaqueBlock)
    return not is_due and any(isinstance(block, ReasoningBlock) for block in blocks)


class LeadingThoughts:
    """The thoughts before a reply's first word. `skips`: whether they are left out.

    Attributes:
        is_open: whether one that is left out is under way.
    """

    __slots__ = ("_skips", "is_open")

    def __init__(self, *, skips: bool) -> None:
        self._skips = skips
        self.is_open: bool = False

    def skip(self, event: StreamEvent) -> int | None:
        """Return how many bytes of thought an event says that is left out; None of one that is not."""
        if not self._skips:
            return None
        match event:
            case ReasoningDelta(text):
                self.is_open = True
                return size_bytes(text)
            case ReasoningSignature() | RedactedReasoning() | BlockStop(None):
                self.is_open = self.is_open and not isinstance(event, BlockStop)
                return 0
            case UsageReport() | TextDelta(""):
                return None
            case _:
                self._skips = self.is_open = False
                return None
