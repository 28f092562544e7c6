"""Chat Completions, as OpenAI, other servers and gateways speak it: the names of fields, and what they hold.

Source: the recorded streams of this format, wire-formats §2, §3, §7 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields
from ..wire.fields import SHARED

FIELDS = SHARED | WireFields(
    keys="""
        accepted_prediction_tokens annotations attempts audio_tokens billableWebSearchCalls cacheCreationInputTokens
        cache_creation cache_creation_input_tokens cache_n cache_read_input_tokens cache_write_tokens cached_tokens
        candidatesTokenCount canonicalSlug choices completion_time completion_tokens completion_tokens_details container
        content_filter_results contextManagement copilot_usage cost cost_details cost_in_usd_ticks cost_per_batch
        created detected endTime end_index engine_tbt_ms engine_ttft_ms engine_ttlt_ms ephemeral_1h_input_tokens
        ephemeral_24h_input_tokens ephemeral_5m_input_tokens executed_tools extra_content failed_generation
        fallbacksAvailable filtered finalProvider finish_reason format function_call generationId google
        groundingMetadata image_tokens include_usage inference_geo input_tokens internalModelId internalReasoning
        internalResolvedModelId is_byok iterations json_schema latency_checkpoint logprobs marketCost market_cost
        max_output_tokens modelAttemptCount modelAttempts modelId native_finish_reason num_cached_tokens
        num_sources_used obfuscation originalModelId output output_tokens planningReasoning pre_inference_ms
        predicted_ms predicted_n predicted_per_second predicted_per_token_ms promptFeedback promptTokenCount
        prompt_audio_seconds prompt_cache_hit_tokens prompt_cache_miss_tokens prompt_filter_results prompt_index
        prompt_ms prompt_n prompt_per_second prompt_per_token_ms prompt_time prompt_token_details prompt_token_ids
        prompt_tokens prompt_tokens_details protected_material_code protected_material_text provider providerApiModelId
        providerAttemptCount providerAttempts providerRequestId providerResponseId provider_metadata queue_time
        reasoning reasoning_content reasoning_details reasoning_encrypted reasoning_text reasoning_tokens
        redactedContent redacted_content refusal rejected_prediction_tokens resolvedProvider resolvedProviderApiModelId
        responseId results safetyRatings score search_results seed server_tool_use_details serviceTier service_tbt_ms
        service_ttft_ms service_ttlt_ms severity signature sources startTime start_index statusCode stopSequence
        stop_reason stop_sequence stream_options subqueries success system_fingerprint text_tokens thought_signature
        thoughtsTokenCount time_info timings token_count token_details token_id token_ids token_type tool_call_id
        tool_calls tool_calls_executed tool_calls_requested totalProviderAttemptCount totalTokenCount total_duration_ms
        total_nano_aiu total_time total_tokens trace_details trafficType upstream_inference_completions_cost
        upstream_inference_cost upstream_inference_prompt_cost url urlContextMetadata url_citation usageMetadata
        usage_breakdown user_visible_ttft_ms vertex video_tokens web_search_data web_search_requests x_groq
    """,
    names="finish_reason native_finish_reason provider responseId stop_reason system_fingerprint",
    users="json_schema logprobs",
)
