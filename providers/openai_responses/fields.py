"""The Responses API, of OpenAI and xAI: the names of fields, and what they hold.

Source: the recorded streams of this format, wire-formats §4 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields
from ..wire.fields import SHARED

FIELDS = SHARED | WireFields(
    keys="""
        allowed_tools allowed_x_handles annotation annotation_index annotations approval_request_id background blocked
        cache_write_tokens cached_tokens call_id code_interpreter_calls completed_at container container_id
        content_filter_offsets content_filter_raw content_filter_results content_filters content_index context_details
        conversation cost cost_details cost_in_usd_ticks created_at detected document_search_calls done
        enable_image_understanding enable_video_understanding encrypted_content end_index end_offset environment
        execution file_id file_search_calls filename filtered flagged format frequency_penalty function_call image_gen
        image_generation_calls image_tokens incomplete_details input input_schema input_tokens input_tokens_details
        instructions is_byok item item_id language logprobs max_num_results max_output_tokens max_tool_calls mcp_calls
        modelId num_requests num_server_side_tools_used num_sources_used obfuscation output output_index output_schema
        output_tokens output_tokens_details outputs parallel_tool_calls part phase presence_penalty
        previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention properties
        protected_material_code protected_material_text queries query ranker ranking_options reasoning
        reasoning_tokens refusal require_approval response result results safety_identifier schema score_threshold
        search_context_size sequence_number server_description server_label server_side_tool_usage_details server_url
        severity source_type sources start_index start_offset store strict summary_index system_fingerprint
        text_tokens timezone tool_usage top_logprobs top_p total_tokens truncation upstream_inference_cost
        upstream_inference_input_cost upstream_inference_output_cost url user_location vector_store_ids verbosity
        web_search web_search_calls x_search_calls
    """,
    names="call_id created_at item_id phase system_fingerprint",
    users="input input_schema logprobs output_schema properties result schema top_logprobs",
    fragments_by_kind="delta",
    places="content_index output_index summary_index",
)
