"""The Messages API: the names of fields, and what they hold.

Source: the recorded streams of this format, wire-formats §1 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields
from ..wire.fields import SHARED

FIELDS = SHARED | WireFields(
    keys="""
        abort_reason applied_edits cache_creation cache_creation_input_tokens cache_read_input_tokens caller citation
        citations cited_text container content_block context_management cost cost_details encrypted_content
        encrypted_index ephemeral_1h_input_tokens ephemeral_5m_input_tokens expires_at explanation
        fallback_credit_token fallback_has_prefill_claim inference_geo input input_schema input_tokens is_byok
        is_error iterations kind media_type output_tokens output_tokens_details page_age partial_json provider refusal
        return_code server_name server_tool_use signature source stderr stdout stop_details stop_reason stop_sequence
        thinking_tokens tool_id tool_name tool_references tool_use_id upstream_inference_completions_cost
        upstream_inference_cost upstream_inference_prompt_cost url web_fetch_requests web_search_requests
    """,
    names="provider stop_reason",
    users="input input_schema",
    fragments="partial_json",
)
