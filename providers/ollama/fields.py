"""Ollama's chat: the names of fields, and what they hold.

Source: the recorded streams of this format, wire-formats §6 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields
from ..wire.fields import SHARED

FIELDS = SHARED | WireFields(
    keys="""
        created_at done done_reason eval_count eval_duration format load_duration prompt_eval_count
        prompt_eval_duration query response tool_calls tool_name total_duration
    """,
    names="created_at done_reason",
    streamed_paths=frozenset({("message", "content"), ("message", "thinking"), ("response",), ("thinking",)}),
)
