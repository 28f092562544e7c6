"""The lower part of the table of errors: phrases, statuses, and the codes that mean nothing beside a status."""

from __future__ import annotations

from ...engine.core.failures import FailureKind as _K
from .row import OPEN, OPEN_OR_500, Row

_MODEL = r"[`'\"]?[\w.:/@-]{1,200}[`'\"]?"

PHRASES = (
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="anthropic, bedrock, openrouter",
        phrase=r"prefilling assistant messages is not supported|does not support assistant message prefill"
        r"|conversation must end with a user message|final assistant content cannot end with trailing whitespace",
        statuses=OPEN,
        example='400 {"type":"error","error":{"type":"invalid_request_error","message":"This model does not support '
        'assistant message prefill. The conversation must end with a user message."}}',
        source="wire-formats §1.5",
    ),
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="anthropic",
        phrase=r"a final `?assistant`? message must start with a thinking block|invalid `?signature`? in "
        r"`?thinking`? block"
        r"|blocks in the latest assistant message cannot be modified",
        statuses=OPEN,
        example='400 {"type":"error","error":{"type":"invalid_request_error","message":"messages.3.content.8: '
        "`thinking` "
        'or `redacted_thinking` blocks in the latest assistant message cannot be modified."}}',
        source="wire-formats §1.5; anthropics/claude-code #63284: reasoning that was sent back; a form without "
        "it may pass",
    ),
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="gemini",
        phrase=r"requests ending with a model turn are not supported|requests end with a user role"
        r"|missing a `?thought_signature\b|(?:invalid|corrupted) thought signature|thought signature is not valid",
        statuses=OPEN,
        example='400 {"error":{"code":400,"message":"Requests ending with a model turn are not supported.",'
        '"status":"INVALID_ARGUMENT"}}',
        source="wire-formats §5.4; google-gemini/gemini-cli #13467, decolua/9router #301; "
        "'end with a user role': unverified",
    ),
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="mistral, perplexity",
        phrase=r"expected last role user or tool|\blast message must have role\b.{0,20}\buser\b",
        statuses=OPEN,
        example='400 {"object":"error","message":"Expected last role User or Tool (or Assistant with prefix True) for '
        'serving but got assistant","type":"invalid_request_error","param":null,"code":null}',
        source="wire-formats §3.3; Perplexity's words: unverified",
    ),
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="llamacpp, vllm, sglang",
        phrase=r"prefill is incompatible with enable_thinking|cannot have 2 or more assistant messages at the end"
        r"|\bcontinue_final_message\b|\badd_generation_prompt\b",
        statuses=OPEN,
        example='400 {"error":{"code":400,"message":"Assistant response prefill is incompatible with enable_thinking.",'
        '"type":"invalid_request_error"}}',
        source="wire-formats §3.7",
    ),
    Row(
        kind=_K.CONTINUATION_REFUSED,
        at="openai",
        phrase=r"\bof type 'reasoning' was provided without its required following item"
        r"|\bwas provided without its required 'reasoning' item",
        statuses=OPEN,
        example='400 {"error":{"message":"Item \'rs_1\' of type \'reasoning\' was provided without its required '
        "following "
        'item.","type":"invalid_request_error","param":"input","code":null}}',
        source="wire-formats §4.4",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="openai, azure",
        phrase=r"\bnot a chat model\b|\bnot supported in the v1/chat/completions\b|\bonly "
        r"(?:supported|available) (?:in "
        r"v1/responses|(?:with|in|via) the responses api)\b",
        statuses=(*OPEN, 404),
        advice="take OpenAIResponses, or a chat model if it only completes text",
        example='404 {"error":{"message":"This is not a chat model and thus not supported in the v1/chat/completions '
        'endpoint. Did you mean to use v1/completions?","type":"invalid_request_error","param":"model","code":null}}',
        source="wire-formats; seeds, row 004; said of Responses-only models too: aaif-goose/goose #2564",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="openai",
        phrase=r"\bis a chat model and not supported in the v1/completions\b|\bnot supported (?:in|with) (?:the )?"
        r"(?:v1/responses|responses api)\b|\bonly supported in v1/chat/completions\b",
        statuses=(*OPEN, 404),
        advice="take OpenAIChat",
        example='404 {"error":{"message":"This is a chat model and not supported in the v1/completions '
        "endpoint. Did you "
        'mean to use v1/chat/completions?","type":"invalid_request_error","param":"model","code":null}}',
        source="recorded by others, 2026-11",
    ),
    Row(
        kind=_K.INVALID_REQUEST,
        at="openai",
        phrase=r"\bresponse with id\b.{1,100}\bnot found\b",
        statuses=(*OPEN, 404),
        example='404 {"error":{"message":"Response with id \'resp_1\' not found.","type":"invalid_request_error",'
        '"param":null,"code":null}}',
        source="wire-formats §4.5; a stored response that is no more, not the model",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="azure, gemini",
        phrase=r"\bchatcompletion operation does not work with the specified model\b"
        r"|\bis not supported for generateContent\b",
        statuses=(*OPEN, 404),
        advice="take a model that chats",
        example='400 {"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not '
        "work with "
        'the specified model, text-embedding-ada-002. Please choose different model and try again."}}',
        source="langchain-ai/langchain #6363 (Azure); Gemini's words: unverified",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="xai, openrouter, openai, vllm, mistral",
        phrase=rf"\bis not a valid model id\b|\bthe (?:requested )?model {_MODEL} does not exist\b|^model not found\b"
        rf"|^invalid model(?: name)?\b.{{0,20}}[:=]|\bmodel {_MODEL} not found\b",
        statuses=OPEN,
        example='400 {"code":"invalid-argument","error":"Model not found: grok-0"}',
        source="wire-formats §3.5: xAI answers 400 to an unknown model",
    ),
    Row(
        kind=_K.MODEL_NOT_FOUND,
        at="deepseek, siliconflow, minimax, zai",
        phrase=r"\bmodel not exist\b|\bthe supported api model names are\b|^model does not exist\b|\bunknown model\b",
        statuses=OPEN,
        example='400 {"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,'
        '"code":"invalid_request_error"}}',
        source="langbot-app/LangBot #1643, JayWebtech/autoshorts #33 (2026-07: 'The supported API model names are "
        "…, but you passed …'), TwooSix/Openlist-Ani #59 (SiliconFlow); the others: unverified",
    ),
    Row(
        kind=_K.UNAUTHORIZED,
        at="xai, gemini",
        phrase=r"\bincorrect api key provided\b|\bapi key not valid\b|\buser location is not supported\b",
        statuses=OPEN,
        example='400 {"code":"invalid-argument","error":"Incorrect API key provided: na***ys. You can obtain an '
        "API key "
        'from https://console.x.ai."}',
        source="wire-formats §3.5: xAI answers 400 to a bad key; continuedev/continue #10778; the location: unverified",
    ),
    Row(
        kind=_K.CONTENT_FILTERED,
        at="anthropic, deepseek, openai, xai, azure, dashscope",
        phrase=r"\boutput blocked by content filtering policy\b|^content exists risk\b|\bcontent violates usage "
        r"guidelines\b"
        r"|\bflagged as potentially violating our usage policy\b|\bazure openai.s content management policy\b"
        r"|\bdata may contain inappropriate content\b",
        statuses=(*OPEN, 403),
        example='400 {"error":{"message":"Content Exists Risk","type":"invalid_request_error","param":null,'
        '"code":"invalid_request_error"}}',
        source="666ghj/BettaFish #108, anthropics/claude-code #58367, UKGovernmentBEIS/inspect_ai #2267, "
        "openai/openai-python #331, anomalyco/opencode #46561 (both without their code, by way of gateways); "
        "OpenAI's words: unverified",
    ),
    Row(
        kind=_K.OVERLOADED,
        at="mistral",
        phrase=r"\bservice tier capacity exceeded\b",
        statuses=(*OPEN, 429),
        example='429 {"object":"error","message":"Service tier capacity exceeded for this model.",'
        '"type":"invalid_request_error","param":null,"code":null}',
        source="continuedev/continue #6185 (the status is not told there)",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="bedrock",
        phrase=r"\ban error occurred \(throttlingexception\)",
        statuses=OPEN_OR_500,
        example='stream {"error":{"message":"An error occurred (throttlingException) when calling the '
        'InvokeModelWithResponseStream operation: Too many tokens, please wait before trying again."}}',
        source="aws-samples/aws-genai-llm-chatbot #220, aws-samples/bedrock-access-gateway #91: by way of gateways",
    ),
    Row(
        kind=_K.OVERLOADED,
        at="bedrock",
        phrase=r"\ban error occurred \((?:modelnotready|serviceunavailable)exception\)",
        statuses=OPEN_OR_500,
        example='stream {"error":{"message":"An error occurred (ModelNotReadyException) when calling the Converse '
        'operation: The model is not ready for inference."}}',
        source="docs.aws.amazon.com, bedrock-runtime, exceptions; the sentence around it is botocore's",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="any, inside a stream",
        phrase=r"\brate[ _-]?limit(?:ed|s)?[ _-](?:reached|exceeded|hit)\b|\b(?:been|are|were) rate[ _-]?limited\b"
        r"|^rate[ _-]?limit(?:ed|s)?\b|\btoo many requests\b",
        statuses=(None,),
        example='stream {"error":{"message":"Rate limit reached, slow down"}}',
        source="seeds, row 004: where there is neither code nor status",
    ),
    Row(
        kind=_K.RATE_LIMITED,
        at="any",
        phrase=r"\b(?:tokens|requests) per (?:second|minute|hour)\b",
        statuses=(None, 500),
        example='stream {"error":{"message":"Limit of tokens per minute reached"}}',
        source="seeds, row 002-32: where there is neither code nor a status that says something",
    ),
    Row(
        kind=_K.OVERLOADED,
        at="any, inside a stream",
        phrase=r"^overloaded\b(?! \w*(?:operator|function|method|constructor))|\b(?:is|are) (?:currently "
        r"|temporarily )?"
        r"overloaded\b|\bat capacity\b|^server busy\b",
        statuses=(None,),
        example='stream {"error":"The server is currently overloaded"}',
        source="seeds, row 004: where there is neither code nor status",
    ),
)


def _status(kind: _K, statuses: tuple[int, ...], at: str, source: str) -> Row:
    return Row(
        kind=kind, at=at, statuses=statuses, example=f'{statuses[0]} {{"error":{{"message":"x"}}}}', source=source
    )


STATUSES = (
    _status(_K.UNAUTHORIZED, (401, 403), "any", "RFC 9110 §15.5; wire-formats §9"),
    _status(_K.QUOTA_EXHAUSTED, (402,), "anthropic, deepseek, openrouter", "wire-formats §1.4, §3.1, §3.2"),
    _status(_K.MODEL_NOT_FOUND, (404,), "any", "wire-formats §1.4, §2.3, §5.3, §6"),
    _status(_K.TIMEOUT, (408, 504, 524), "any", "wire-formats §9; 524: Cloudflare"),
    _status(_K.PROVIDER, (409, 425, 499), "anthropic, gemini, groq", "wire-formats §1.4, §5.3, §9: transient"),
    _status(_K.PROVIDER, (424,), "bedrock, tgi", "ModelErrorException, GenerationError: the model failed"),
    _status(_K.RATE_LIMITED, (429,), "any", "RFC 6585 §4"),
    _status(_K.OVERLOADED, (498,), "groq", "wire-formats §3.4: flex capacity"),
    _status(_K.OVERLOADED, (503, 529), "any, anthropic", "wire-formats §1.4, §9"),
    _status(_K.INVALID_REQUEST, (501,), "llamacpp", "wire-formats §3.7: not_supported_error is the caller's"),
)


def _bare(kind: _K, codes: str, at: str, source: str) -> Row:
    example = f'stream {{"error":{{"message":"x","type":"{codes.partition("|")[0]}"}}}}'
    return Row(kind=kind, at=at, codes=codes, statuses=(None,), example=example, source=source)


_RPC = "google.rpc.Code; the Interactions API writes it in lower case"

BARE_CODES = (
    _bare(_K.RATE_LIMITED, "RESOURCE_EXHAUSTED|resource_exhausted", "gemini", _RPC),
    _bare(_K.OVERLOADED, "UNAVAILABLE|unavailable", "gemini", _RPC),
    _bare(_K.UNAUTHORIZED, "PERMISSION_DENIED|unauthenticated", "gemini", _RPC),
    _bare(_K.MODEL_NOT_FOUND, "NOT_FOUND|not_found|NotFoundError", "gemini, vllm", f"{_RPC}; vLLM's protocol"),
    _bare(
        _K.INVALID_REQUEST,
        "invalid_request_error|request_too_large|INVALID_ARGUMENT|FAILED_PRECONDITION|OUT_OF_RANGE|BadRequestError"
        "|invalid_argument|failed_precondition|out_of_range|invalid_prompt"
        "|data_residency_mismatch|invalid_image|invalid_image_format|invalid_base64_image|invalid_image_url"
        "|image_too_large|image_too_small|image_parse_error|invalid_image_mode|image_file_too_large"
        "|unsupported_image_media_type|empty_image_file|failed_to_download_image|image_file_not_found",
        "any, openai",
        "wire-formats §4.3; openai 3.52.0 types/responses/response_error",
    ),
    _bare(
        _K.PROVIDER,
        "api_error|server_error|INTERNAL|CANCELLED|timeout_error|DEADLINE_EXCEEDED|vector_store_timeout"
        "|internal|cancelled|deadline_exceeded",
        "any",
        "wire-formats §1.4, §4.3, §5.3; a timeout inside a stream is the provider's own, not ours",
    ),
)
