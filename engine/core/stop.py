"""Why an answer ended, in one vocabulary, beside the provider's own word."""

from __future__ import annotations

from enum import StrEnum


class StopReason(StrEnum):
    """The closed set of ends. `StreamResult.stop_word` keeps what the provider said."""

    END_TURN = "end_turn"
    TOOL_USE = "tool_use"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    PAUSE_TURN = "pause_turn"
    CONTEXT_WINDOW = "context_window"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    OTHER = "other"


EMPTY_STOPS = frozenset({StopReason.END_TURN, StopReason.TOOL_USE, StopReason.OTHER})
"""Stops after which nothing said means that something went wrong; an empty answer after any other has its reason."""


def final_reason(said: StopReason | None, *, has_calls: bool) -> StopReason:
    """Settle why an answer ended: a released call makes it tool use, unless another reason was said; none is never."""
    if has_calls and said in (None, StopReason.END_TURN):
        return StopReason.TOOL_USE
    return StopReason.OTHER if said is None or (said is StopReason.TOOL_USE and not has_calls) else said
