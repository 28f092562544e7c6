"""The upper part of the table of errors: the few phrases that outrank codes, then the codes."""

from __future__ import annotations

from ...engine.core.failures import FailureKind as _K
from .row import Row

OUTRANKING = (
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="groq, openai",
        phrase=r"\brequest too large for\b",
        statuses=(None, 413, 429),
        example='413 {"error":{"message":"Request too large for model `llama` on tokens per minute (TPM): Limit 6000, '
        'Requested 12328, please reduce your message size","type":"tokens","code":"rate_limit_exceeded"}}',
        source="wire-formats §9; elizaOS/eliza #4040, vanna-ai/vanna-flask #11: coded a rate limit, and never passes",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="xai",
        phrase=r"used all available credits or reached its monthly spending limit|\b(?:doesn't|does not) have "
        r"any credits"
        r"|\byou have run out of credits",
        statuses=(None, 402, 403, 429),
        example='429 {"code":"Some resource has been exhausted","error":"Your team 1 has either used all available '
        'credits or reached its monthly spending limit."}',
        source="continuedev/continue #10373 (429), #12670 (403)",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="openrouter",
        phrase=r"\bfree-models-per-day\b",
        statuses=(None, 429),
        example='429 {"error":{"message":"Rate limit exceeded: free-models-per-day-high-balance. ",'
        '"type":"rate_limit_error","code":"429"}}',
        source="Gitlawb/openclaude #1542, #936: a day's, with a code of a minute's",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="openrouter",
        codes="openrouter_in_flight_budget",
        example='402 retry-after:7 {"error":{"code":402,"message":"In-flight budget","metadata":'
        '{"limit_source":"openrouter_in_flight_budget","error_type":"payment_required"}}}',
        source="wire-formats §3.1; openrouter.ai/docs/use-cases/limits",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="openrouter",
        statuses=(402,),
        hinted=True,
        example='402 retry-after:7 {"error":{"code":402,"message":"In-flight budget"}}',
        source="wire-formats §3.1: a 402 says when to come back only if coming back helps",
    ),
    Row(
        kind=_K.CONTENT_FILTERED,
        at="openrouter",
        codes="moderation",
        statuses=(None, 400, 403),
        example="403 "
        '{"error":{"code":403,"message":"Flagged","metadata":{"reasons":["violence"],"flagged_input":"x"}}}',
        source="wire-formats §3.1 (metadata.reasons and flagged_input; read_complaint names them `moderation`)",
    ),
    Row(
        kind=_K.INVALID_REQUEST,
        at="llamacpp",
        phrase=r"\[json\.exception\.|requires --jinja\b|--mmproj\b|\bprovide the mmproj\b|\bjinja exception:"
        r"|\braise_exception\(|\b(?:image|audio) input is not supported\b|^failed to parse (?:messages|tools|grammar)\b"
        r"|\bfailed to (?:parse grammar|initialize samplers)\b|\bjson schema conversion failed\b"
        r"|\bconversation roles must alternate\b|^cannot use (?:custom grammar constraints with tools|both json_schema)"
        r"|^invalid tool_choice\b"
        r"|^(?:missing|expected|invalid|unsupported) .{0,20}'(?:role|messages|content|tools|type)'",
        statuses=(None, 500),
        example='500 {"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}',
        source="wire-formats §3.7: status 500 also for the caller's bugs; common/chat.cpp; ggml-org/llama.cpp #19851, "
        "sipeed/picoclaw #207, janhq/jan #6254: what a template refuses, it refuses each time",
    ),
)

STREAMS_REFUSED = (
    Row(
        kind=_K.STREAM_REFUSED,
        at="openai, azure, github models",
        codes="unsupported_value stream|unsupported_parameter stream|invalid_value stream",
        statuses=(None, 400, 403, 404, 422),
        example='400 {"error":{"message":"x","type":"invalid_request_error","param":"stream",'
        '"code":"unsupported_value"}}',
        source="github/gh-models #31, BerriAI/litellm #7693 (Azure), BeehiveInnovations/pal-mcp-server #134",
    ),
    Row(
        kind=_K.STREAM_REFUSED,
        at="openai, litellm, openrouter",
        phrase=r"\bmust be verified to stream\b|'stream' does not support true\b",
        statuses=(None, 400, 403, 404, 422),
        example='400 {"error":{"message":"Your organization must be verified to stream this model. Please go to: x and '
        'click on Verify Organization.","type":"invalid_request_error"}}',
        source="charmbracelet/crush #1216, continuedev/continue #8209; RooCodeInc/Roo-Code #274 (LiteLLM): the code "
        "is lost where a gateway repeats the words",
    ),
)

MINIMAX = (
    Row(
        kind=_K.UNAUTHORIZED,
        at="minimax",
        codes="base_resp 1004|base_resp 2049",
        example='200 {"base_resp":{"status_code":1004,"status_msg":"not authorized"}}',
        source="platform.minimax.io/docs/api-reference/errorcode; milind-soni/OpenMausBot #1200",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="minimax",
        codes="base_resp 1008|base_resp 2056",
        example='200 {"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}',
        source="platform.minimax.io/docs/api-reference/errorcode",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="minimax",
        codes="base_resp 1002|base_resp 1039|base_resp 1041|base_resp 2045",
        example='200 {"base_resp":{"status_code":1002,"status_msg":"rate limit"}}',
        source="platform.minimax.io/docs/api-reference/errorcode",
    ),
    Row(
        kind=_K.CONTENT_FILTERED,
        at="minimax",
        codes="base_resp 1026|base_resp 1027",
        example='200 {"base_resp":{"status_code":1026,"status_msg":"input new_sensitive"}}',
        source="platform.minimax.io/docs/api-reference/errorcode",
    ),
    Row(
        kind=_K.INVALID_REQUEST,
        at="minimax",
        codes="base_resp 2013|base_resp 1042",
        example='200 {"base_resp":{"status_code":2013,"status_msg":"invalid params"}}',
        source="platform.minimax.io/docs/api-reference/errorcode",
    ),
)
"""Codes of MiniMax's own envelope, whose words are few; they come under status 200."""

CODES = (
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="openai, perplexity",
        codes="insufficient_quota|billing_hard_limit_reached|billing_not_active",
        example='429 {"error":{"message":"You exceeded your current quota, please check your plan and billing '
        'details.",'
        '"type":"insufficient_quota","param":null,"code":"insufficient_quota"}}',
        source="wire-formats §2.3, §4.3",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="anthropic",
        codes="contract_spend_limit_reached|enforced_spend_limit_reached|linked_organization_spend_limit_reached"
        "|linked_organization_billing_unavailable|billing_error",
        example='429 {"type":"error","error":{"type":"rate_limit_error","message":"x","details":'
        '{"error_code":"enforced_spend_limit_reached"}}}',
        source="wire-formats §1.4; anthropic 2.11.0 types/shared/error_details",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="openrouter",
        codes="payment_required|insufficient_credits|openrouter_credits|openrouter_key_limit|openrouter_guardrail_budget"
        "|openrouter_workspace_budget|weight_exceeds_budget",
        example='403 {"error":{"code":403,"message":"Budget limit exceeded","metadata":'
        '{"limit_source":"openrouter_guardrail_budget"}}}',
        source="wire-formats §3.1; developersdigest.tech/errors/api/openrouter (second hand)",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="gemini",
        code_part="PerDay",
        statuses=(None, 429),
        example='429 {"error":{"code":429,"message":"You exceeded your current quota, please check your plan '
        "and billing "
        'details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure",'
        '"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},'
        '{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}',
        source="wire-formats §5.3; google-gemini/gemini-cli #8437",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="gemini",
        codes="BILLING_DISABLED",
        example='403 [{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED","details":'
        '[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BILLING_DISABLED"}]}}]',
        source="google/api/error_reason.proto",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="moonshot, minimax, together, dashscope, sub2api",
        codes="exceeded_current_quota_error|insufficient_balance_error|credit_limit|Arrearage"
        "|AllocationQuota.FreeTierOnly|INSUFFICIENT_BALANCE",
        example='403 {"error":{"message":"Your account x is suspended, please check your plan and billing details",'
        '"type":"exceeded_current_quota_error"}}',
        source="anomalyco/opencode #25458 (429), platform.kimi.ai/docs/api/errors, modelscope/modelscope #1691, "
        "expectedparrot/edsl #2098, alibabacloud.com/help/en/model-studio/error-code, Wei-Shaw/sub2api #890",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="zai",
        codes="1113|1308|1310",
        statuses=(None, 429),
        example='429 {"type":"error","error":{"type":"rate_limit_error","code":"1113","message":"[1113][Insufficient '
        'balance or no resource package. Please recharge.]"}}',
        source="docs.z.ai/api-reference/api-code; zai-org/feedback #789, hugalafutro/model-hotel #955, "
        "openclaw/openclaw #33813: no money, five hours' or a week's use",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="zai",
        codes="1261",
        statuses=(None, 400),
        example='400 {"error":{"code":"1261","message":"Prompt exceeds max length"}}',
        source="zeroclaw-labs/zeroclaw #4124",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="copilot, github models",
        codes="model_max_prompt_tokens_exceeded|tokens_limit_reached",
        example='413 {"error":{"code":"tokens_limit_reached","message":"Request body too large for gpt-4o model. Max '
        'size: 8000 tokens.","details":"Request body too large for gpt-4o model. Max size: 8000 tokens."}}',
        source="eslint/tsc-meetings #593, microsoft/copilot-intellij-feedback #94",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="openai, openrouter, llamacpp, perplexity",
        codes="context_length_exceeded|exceed_context_size_error|too_many_prompt_tokens|ContextLengthExceeded"
        "|ContextWindowExceededError",
        example='400 {"error":{"code":400,"message":"request (4476 tokens) exceeds the available context size (4096 '
        'tokens)","type":"exceed_context_size_error","n_prompt_tokens":4476,"n_ctx":4096}}',
        source="wire-formats §2.3, §3.7, §9",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="openai, mistral, azure",
        codes="model_not_found|invalid_model|DeploymentNotFound",
        example='400 {"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500",'
        '"raw_status_code":400}',
        source="wire-formats §2.3, §3.3, §3.6",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="groq",
        codes="model_decommissioned",
        example='400 {"error":{"message":"The model `x` has been decommissioned and is no longer supported.",'
        '"type":"invalid_request_error","code":"model_decommissioned"}}',
        source="RightNow-AI/openfang #60",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="zai",
        codes="1211",
        statuses=(None, 400, 404),
        example='400 {"error":{"code":"1211","message":"Model does not exist, please check the model code"}}',
        source="docs.z.ai/api-reference/api-code (the status is not told there)",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="anthropic",
        codes="not_found_error",
        statuses=(None, 404),
        example='404 {"type":"error","error":{"type":"not_found_error","message":"model: x"}}',
        source="wire-formats §1.4",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="copilot",
        codes="unsupported_api_for_model",
        advice="take OpenAIResponses",
        example='400 {"error":{"message":"model x is not accessible via the /chat/completions endpoint",'
        '"code":"unsupported_api_for_model"}}',
        source="caozhiyuan/copilot-api #102",
    ),
    Row(
        kind=_K.UNAUTHORIZED,
        at="openai, anthropic, deepseek, perplexity",
        codes="invalid_api_key|authentication_error|permission_error|permission_denied|permission-denied"
        "|unsupported_country_region_territory|organization_on_hold",
        example='401 {"error":{"message":"Authentication Fails","type":"authentication_error","param":null,'
        '"code":"invalid_request_error"}}',
        source="wire-formats §1.4, §2.3, §3.2",
    ),
    Row(
        kind=_K.UNAUTHORIZED,
        at="gemini",
        codes="API_KEY_INVALID|API_KEY_SERVICE_BLOCKED|ACCESS_TOKEN_EXPIRED|CREDENTIALS_MISSING"
        "|SERVICE_DISABLED|UNAUTHENTICATED",
        example='400 {"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",'
        '"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",'
        '"reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}',
        source="wire-formats §5.3; google/api/error_reason.proto",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="openai, anthropic, groq, azure",
        codes="rate_limit_exceeded|rate_limit_error|RateLimitReached|ramp_limit_exceeded|rateLimitExceeded"
        "|RATE_LIMIT_EXCEEDED",
        example='429 retry-after:1 retry-after-ms:0 {"error":{"code":"RateLimitReached","message":"Your requests to x '
        'have exceeded rate limit."}}',
        source="wire-formats §1.4, §2.3, §3.6",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="moonshot",
        codes="rate_limit_reached_error",
        example='429 {"error":{"message":"Your account x request reached max request: 3, please try again after 1 '
        'seconds","type":"rate_limit_reached_error"}}',
        source="harry0703/MoneyPrinterTurbo #339, platform.kimi.ai/docs/api/errors",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="zai",
        codes="1302",
        statuses=(None, 429),
        example='stream {"error":{"code":"1302","message":"High concurrency usage of this API"}}',
        source="docs.z.ai/api-reference/api-code",
    ),
    Row(
        kind=_K.OVERLOADED,
        at="moonshot",
        codes="engine_overloaded_error",
        example='429 {"error":{"message":"The engine is currently overloaded, please try again later",'
        '"type":"engine_overloaded_error"}}',
        source="platform.kimi.ai/docs/api/errors",
    ),
    Row(
        kind=_K.OVERLOADED,
        at="zai",
        codes="1305",
        statuses=(None, 429),
        example='200 {"error":{"code":"1305","message":"The model is overloaded"}}',
        source="zhushanwen321/llm-simple-router #95 (status 200), openclaw/openclaw #107940",
    ),
    Row(
        kind=_K.OVERLOADED,
        at="anthropic, openai, groq, openrouter, llamacpp, deepseek",
        codes="overloaded_error|slow_down|server_is_overloaded|capacity_exceeded"
        "|provider_overloaded|provider_unavailable|unavailable_error|insufficient_system_resource",
        example='503 {"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
        source="wire-formats §1.4, §2.3, §3",
    ),
    Row(
        kind=_K.CONTENT_FILTERED,
        at="azure, openrouter, openai",
        codes="content_filter|content_policy_violation|ResponsibleAIPolicyViolation|refusal|bio_policy"
        "|misalignment_policy_violation|image_content_policy_violation",
        example='400 {"error":{"code":"content_filter","message":"The response was filtered","param":"prompt",'
        '"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
        source="wire-formats §3.1, §3.6, §4.3",
    ),
    Row(
        kind=_K.CONTENT_FILTERED,
        at="dashscope",
        codes="data_inspection_failed|DataInspectionFailed",
        example='400 {"error":{"code":"data_inspection_failed","param":null,"message":"Input data may contain '
        'inappropriate content.","type":"data_inspection_failed"}}',
        source="camel-ai/owl #432, alibabacloud.com/help/en/model-studio/error-code",
    ),
    Row(
        kind=_K.CONTENT_FILTERED,
        at="zai",
        codes="1301",
        statuses=(None, 400),
        example='400 {"error":{"code":"1301","message":"System detected potentially unsafe or sensitive content"}}',
        source="docs.z.ai/api-reference/api-code (the status is not told there)",
    ),
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="openai",
        codes="invalid_encrypted_content",
        example='400 {"error":{"message":"The encrypted content could not be verified.","type":"invalid_request_error",'
        '"param":null,"code":"invalid_encrypted_content"}}',
        source="wire-formats §4.4, §9: what was sent back as the model's own is refused; a form without it may pass",
    ),
    Row(
        kind=_K.PROVIDER,
        at="groq",
        codes="tool_use_failed|json_validate_failed",
        example='400 {"error":{"message":"Failed to call a function.","type":"invalid_request_error",'
        '"code":"tool_use_failed","failed_generation":"<x"}}',
        source="wire-formats §3.4: the model's fault, one more try is sensible",
    ),
)
