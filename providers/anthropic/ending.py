"""The end of a Messages stream: what its stop reason says, and whether it is the last word without `message_stop`."""

from __future__ import annotations

from ...engine.core.stop import StopReason
from ..wire.finish_words import WHOLE_STOPS, stop_of

STOP_REASONS = {
    "end_turn": StopReason.END_TURN,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "refusal": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSE_TURN,
    "compaction": StopReason.PAUSE_TURN,  # both want the answer sent back unchanged
    "model_context_window_exceeded": StopReason.CONTEXT_WINDOW,
}

FINISHING_STOPS = WHOLE_STOPS | {StopReason.STOP_SEQUENCE, StopReason.PAUSE_TURN}
"""The stops that prove that the block before them was whole; a word that is not known proves nothing."""


def reason_of(word: str) -> StopReason:
    """Return why a message ended: by the format's own words, or by those that gateways let through."""
    return STOP_REASONS.get(word) or stop_of(word)


class Ending:
    """The stop reason of one message, and whether more was said behind it. Any but `WHOLE_STOPS` may cut a call."""

    __slots__ = ("_says_more", "reason")

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._says_more = False

    def say_more(self) -> None:
        """Take that something is said: a stop reason before it stood too early to be believed without the trailer."""
        self._says_more = self.reason is not None

    @property
    def may_cut_calls(self) -> bool:
        """Whether a call that is open at the end may have been cut by it."""
        return self.reason is not None and self.reason not in WHOLE_STOPS

    def counts_at_end(self, *, is_broken: bool) -> bool:
        """Whether the stop reason is the answer's end without `message_stop`; all blocks have to be closed, too."""
        is_known = self.reason is not None and (self.reason is not StopReason.OTHER or not is_broken)
        return is_known and not self._says_more
