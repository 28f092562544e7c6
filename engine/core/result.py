"""What a run leaves behind: the whole answer, and the story of every attempt."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from .capabilities import ContinuationForm
from .causes import InterruptCause
from .ignored import NOTHING_IGNORED
from .messages import AnswerBlock, Message, TextBlock, ToolCall
from .planner import RecoveryPlan
from .stop import StopReason
from .usage import NO_USAGE, TokenUsage
from .usage_error import UsageError

_CALLS_NOTHING = frozenset({StopReason.REFUSAL, StopReason.CONTENT_FILTER, StopReason.CANCELLED, StopReason.PAUSED})
"""Ends after which no call is to be run: somebody ended the run, or the provider took back what it said."""


class SeamVerdict(StrEnum):
    """How a continuation met what was already said."""

    CLEAN = "clean"
    """It went on exactly where the text broke off."""
    ECHO = "echo"
    """It said everything again first; the repetition was dropped."""
    OVERLAP = "overlap"
    """It said the end again first; the repetition was dropped."""
    WHITESPACE = "white space"
    """It differed from the cut in white space only; what was shown was kept."""
    RESTART = "restart"
    """It began the answer anew; what was shown is taken back by a `StreamReset`."""
    UNSURE = "unsure"
    """Too little to tell; everything was kept."""


@frozen
class AttemptRecord:
    """One attempt, told afterwards. Times are seconds since the run began, on trio's clock.

    `cause` and `plan` are None for the attempt that finished, or in which the run was cancelled, paused or left;
    `usage_estimated` says that the provider had not reported the output when the attempt ended; `kept` says whether any
    of what it said is in the result, and `wasted_bytes` how much of its text is not: an echo, a beginning taken back.
    `ignored` counts what was not understood and changed nothing, by kind (`riverrun.lowlevel.Ignored` are ours).
    """

    number: int
    provider: str
    model: str
    continuation: ContinuationForm | None
    began_s: float
    ended_s: float
    usage: TokenUsage
    usage_estimated: bool = False
    kept: bool = True
    cause: InterruptCause | None = None
    plan: RecoveryPlan | None = None
    seam: SeamVerdict | None = None
    response_id: str | None = None
    bytes_received: int = 0
    wasted_bytes: int = 0
    ignored: Mapping[str, int] = field(default=NOTHING_IGNORED, hash=False)

    def with_rest(self, usage: TokenUsage, *, estimated: bool) -> AttemptRecord:
        """Return the line with what its generation cost besides, which was to be read on and could not be."""
        return evolve(self, usage=self.usage + usage, usage_estimated=self.usage_estimated or estimated)


@frozen
class StreamResult:
    """One answer, over as many attempts as it took.

    `blocks` are in the order they were said; `text` is exactly what the consumer was given (after any `StreamReset`).
    `stop_word` is the provider's own word for `stop_reason`. `incomplete_tool_calls` counts calls that were never
    released because their arguments never became a JSON object. `checkpoint_failures` counts writes to the store that
    had failed by the end of the answer, and that the stream did not wait for; the run's own count holds the last
    flush, too.
    """

    blocks: tuple[AnswerBlock, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    usage: TokenUsage = NO_USAGE
    stop_reason: StopReason = StopReason.END_TURN
    attempts: tuple[AttemptRecord, ...] = ()
    stop_word: str | None = None
    incomplete_tool_calls: int = 0
    response_id: str | None = None
    model: str | None = None
    checkpoint_failures: int = 0

    @property
    def text(self) -> str:
        """Everything the consumer was given as text, joined."""
        return "".join(block.text for block in self.blocks if isinstance(block, TextBlock))

    @property
    def needs_tools(self) -> bool:
        """Whether its calls are to be run now, and their results given in the next turn; there are some then.

        Also where a ceiling came after a whole call. Not where somebody ended the run, nor where the provider took
        back what it said (a refusal, a filter): then nothing is to come of it.
        """
        return bool(self.tool_calls) and self.stop_reason not in _CALLS_NOTHING

    @property
    def is_unconfirmed(self) -> bool:
        """Whether nothing says that the answer is whole: no stop reason came, or a `stop_word` that is not known."""
        return self.stop_reason is StopReason.OTHER

    @property
    def is_partial(self) -> bool:
        """Whether the run was ended from outside: cancelled or paused."""
        return self.stop_reason in (StopReason.CANCELLED, StopReason.PAUSED)

    def to_message(self) -> Message:
        """Return the answer as the assistant's turn of the next request. Raises UsageError for an empty answer."""
        if not self.blocks:
            raise UsageError("the answer is empty; expected at least one block: leave its turn out")
        return Message.assistant(*self.blocks)
