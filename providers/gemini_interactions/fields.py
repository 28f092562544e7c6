"""Gemini's Interactions API: the names of fields, and what they hold.

Source: the recorded streams of this format, wire-formats §5.5 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields
from ..wire.fields import SHARED

FIELDS = SHARED | WireFields(
    keys="""
        allowed_tools arguments_delta call_id created event event_id event_type function_call input
        input_tokens_by_modality interaction interaction_id is_error kind max_output_tokens modality result signature
        step steps store thinking_level thought tokens total_cached_tokens total_input_tokens total_output_tokens
        total_thought_tokens total_tokens total_tool_use_tokens total_usage uri
    """,
    names="call_id event event_type",
    users="input result",
    usages=frozenset({("metadata", "usage"), ("metadata", "total_usage")}),
)
