"""What a run holds of its answer, to be read; `Accumulator` folds events into it."""

from __future__ import annotations

from .answer_blocks import AnswerBlocks, ReasoningParts
from .answer_calls import AnswerCalls
from .messages import AnswerBlock, ToolCall
from .reach import Reach


class HeldAnswer:
    """The blocks of an answer, and what is open of them. Made by the accumulator, which alone changes it."""

    _held: AnswerBlocks
    _open_text: list[str] | None
    _open_reasoning: ReasoningParts | None
    _calls: AnswerCalls
    _held_bytes: int
    server_tool: str | None

    @property
    def text(self) -> str:
        """Everything said as text, joined. Cost: linear in the text; one copy, however many deltas it came in."""
        return self._held.text

    @property
    def has_kept(self) -> bool:
        """Whether anything that this attempt said is held; calls under way do not count."""
        return self._held.has_kept

    @property
    def goes_on(self) -> bool:
        """Whether the generation under way goes on from what others said."""
        return self._held.has_before

    @property
    def has_begun(self) -> bool:
        """Whether anything of the generation under way is held, or a call is under way."""
        return bool(self._calls.under_way) or self._held.has_begun

    @property
    def told_again(self) -> int:
        """How many whole calls this attempt told once more."""
        return self._calls.told_again

    @property
    def is_inside(self) -> bool:
        """Whether a call or a thought is open: it may be composed in silence. A signed one is only to be closed."""
        thought = self._open_reasoning
        return (
            bool(self._calls.under_way)
            or self.server_tool is not None
            or (thought is not None and thought.pending_signature is None)
        )

    @property
    def reach(self) -> Reach:
        """How far the answer has come; text under way is no closed block."""
        under_way = len(self._calls.under_way) + (self._open_text is not None or self._open_reasoning is not None)
        return Reach(self._held_bytes, len(self._held) - under_way)

    @property
    def is_empty(self) -> bool:
        """Whether nothing that makes an answer was said: no text, call or reasoning, nothing opaque."""
        return not self._calls.has_completed and not self._held.has_content

    @property
    def completed_calls(self) -> tuple[ToolCall, ...]:
        """The whole calls, in declared order."""
        return self._calls.completed()

    def blocks(self) -> tuple[AnswerBlock, ...]:
        """Return what was said, in order; calls under way are left out."""
        return self._held.read()
