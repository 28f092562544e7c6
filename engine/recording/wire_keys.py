"""Keys of the providers' own objects: what may stand in a recording as it came. Any other key is somebody's content.

Theory: a body holds objects of the user's in many places (schemas of tools, metadata, variables of a prompt, filters,
results of servers of theirs), and each new feature brings more of them. So it is not listed where a user's keys may
stand, but which keys are no user's: those that decoders read, and those that others' recordings and the documentation
show. A property of a user's that is called like one of them says nothing about the user.

Source: the recorded streams of all wire formats, wire-formats §1 to §9 (2026-11).
"""

from __future__ import annotations

_KEYS = """
    @type abort_reason accepted_prediction_tokens allowed_tools allowed_x_handles annotation annotation_index
    annotations applied_edits approval_request_id args arguments arguments_delta attempts attributes
    audio_tokens background billableWebSearchCalls block_reason blocked blockReason boolValue cache_creation
    cache_creation_input_tokens cache_n cache_read_input_tokens cache_write_tokens cacheCreationInputTokens
    cached_tokens cachedContentTokenCount cacheTokensDetails call_id caller candidates candidatesTokenCount
    candidatesTokensDetails canonicalSlug choices citation citationMetadata citations citationSources cited_text
    code code_interpreter_calls codeExecutionResult completed_at completion_time completion_tokens
    completion_tokens_details container container_id content content_block content_filter_offsets
    content_filter_raw content_filter_results content_filters content_index context_details context_management
    contextManagement conversation copilot_usage cost cost_details cost_in_usd_ticks cost_per_batch created
    created_at createTime customMetadata data delta detail details detected document_search_calls done
    done_reason enable_image_understanding enable_video_understanding encrypted_content encrypted_index
    end_index end_offset endIndex endTime engine_tbt_ms engine_ttft_ms engine_ttlt_ms environment
    ephemeral_1h_input_tokens ephemeral_24h_input_tokens ephemeral_5m_input_tokens error error_code error_type
    errorMessage errors eval_count eval_duration event event_id event_type executableCode executed_tools
    execution expires_at explanation failed_generation fallback_credit_token fallback_has_prefill_claim
    fallbacksAvailable file_id file_search_calls filename fileSearchStore filtered finalProvider finish_reason
    finishMessage finishReason flagged flagged_input format frequency_penalty function function_call
    functionCall generationId groundingChunkIndices groundingChunks groundingMetadata groundingSupports id
    image_gen image_generation_calls image_tokens include_usage incomplete_details index inference_geo
    inlineData innererror input input_schema input_tokens input_tokens_by_modality input_tokens_details
    inputSchema instructions interaction interaction_id internalModelId internalReasoning
    internalResolvedModelId is_byok is_error item item_id iterations json_schema jsonPath kind labels language
    latency_checkpoint limit_source line load_duration loc logprobs market_cost marketCost max_num_results
    max_output_tokens max_tool_calls mcp_calls media_type message metadata mimeType modality model model_version
    modelAttemptCount modelAttempts modelId modelVersion moderation msg name native_finish_reason nullValue
    num_cached_tokens num_requests num_server_side_tools_used num_sources_used numberValue obfuscation object
    originalModelId outcome output output_index output_schema output_tokens output_tokens_details outputs
    page_age parallel_tool_calls param parameters parametersJsonSchema part partial_arguments partial_json
    partialArgs parts phase planningReasoning pre_inference_ms predicted_ms predicted_n predicted_per_second
    predicted_per_token_ms presence_penalty previous_response_id probability prompt prompt_audio_seconds
    prompt_cache_hit_tokens prompt_cache_key prompt_cache_miss_tokens prompt_cache_options
    prompt_cache_retention prompt_eval_count prompt_eval_duration prompt_filter_results prompt_index prompt_ms
    prompt_n prompt_per_second prompt_per_token_ms prompt_time prompt_token_details prompt_token_ids
    prompt_tokens prompt_tokens_details promptFeedback promptTokenCount promptTokensDetails properties
    protected_material_code protected_material_text provider provider_metadata providerApiModelId
    providerAttemptCount providerAttempts providerRequestId providerResponseId queries query queue_time quotaId
    ranker ranking_options raw raw_status_code reason reasoning reasoning_content reasoning_details
    reasoning_encrypted reasoning_tokens reasons refusal rejected_prediction_tokens renderedContent request_id
    require_approval resolvedProvider resolvedProviderApiModelId response response_schema responseId
    responseJsonSchema responseSchema result results retrievedContext retryDelay return_code role
    safety_identifier safetyRatings schema score score_threshold search_context_size search_results
    search_suggestions searchEntryPoint seed segment sequence_number server_description server_label server_name
    server_side_tool_usage_details server_tool_use server_tool_use_details server_url service_tbt_ms
    service_tier service_ttft_ms service_ttlt_ms serviceTier severity signature source source_type sources
    start_index start_offset startIndex startTime status status_code statusCode stderr stdout step stop_details
    stop_reason stop_sequence stopSequence store stream_options strict stringValue subqueries success summary
    summary_index system_fingerprint temperature text text_tokens thinking thinking_level thinking_tokens
    thought thoughtSignature thoughtsTokenCount time_info timezone timings title token_count token_details
    token_id token_ids token_type tokenCount tokens tool_calls tool_calls_executed tool_calls_requested
    tool_choice tool_id tool_name tool_references tool_usage tool_use_id toolCall toolCallId toolResponse tools
    toolType toolUsePromptTokenCount toolUsePromptTokensDetails top_logprobs top_p total_cached_tokens
    total_duration total_duration_ms total_input_tokens total_nano_aiu total_output_tokens total_thought_tokens
    total_time total_tokens total_tool_use_tokens totalProviderAttemptCount totalTokenCount trace_details
    trafficType truncation type upstream_inference_completions_cost upstream_inference_cost
    upstream_inference_input_cost upstream_inference_output_cost upstream_inference_prompt_cost uri url
    url_citation urlContextMetadata usage usage_breakdown usageMetadata user user_location user_visible_ttft_ms
    variables vector_store_ids verbosity version video_tokens violations web web_fetch_requests web_search
    web_search_calls web_search_data web_search_requests webSearchQueries willContinue x_groq x_search_calls
"""

WIRE_KEYS = frozenset(_KEYS.split())
"""Every key that stays; a test holds it against what the decoders read."""

USERS = frozenset(
    [
        "args",
        "input",
        "arguments",
        "input_schema",
        "inputSchema",
        "output_schema",
        "parameters",
        "parametersJsonSchema",
        "properties",
        "schema",
        "json_schema",
        "response_schema",
        "responseSchema",
        "responseJsonSchema",
        "metadata",
        "variables",
        "labels",
        "attributes",
        "filters",
        "logprobs",
        "top_logprobs",
        "logprobsResult",
        "result",
    ]
)
"""Keys whose values are the user's or the model's: nothing in them stays, whatever its key is."""
