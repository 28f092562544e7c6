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
