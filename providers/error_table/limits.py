"""The middle of the table of errors: what is said in words of money that is used up, and of a context too long."""

from __future__ import annotations

from ...engine.core.failures import FailureKind as _K
from .row import OPEN, OPEN_OR_500, Row

MONEY = (
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="anthropic",
        phrase=r"\byour credit balance is too low\b|\breached your specified (?:workspace )?api usage limits\b",
        statuses=OPEN,
        example='400 {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is '
        "too low to "
        'access the Anthropic API."}}',
        source="anthropics/claude-code #66314, #38035: status 400 and the caller's type, for money",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="gemini",
        phrase=r"\byour prepayment credits are depleted\b",
        statuses=(*OPEN, 403, 429),
        example='429 {"error":{"code":429,"message":"Your prepayment credits are depleted. Please go to AI Studio at '
        'https://ai.studio/projects to manage your project and billing.","status":"RESOURCE_EXHAUSTED"}}',
        source="dyad-sh/dyad #3626, JeffOtano/roni #125 (the status is not told there)",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="moonshot, zai",
        phrase=r"\bis suspended due to insufficient balance\b|\binsufficient balance or no resource package\b",
        statuses=(*OPEN, 403, 429),
        example='429 {"error":{"message":"Insufficient balance or no resource package. Please recharge.",'
        '"type":"AI_APICallError"}}',
        source="continuedev/continue #11443, vercel/ai #9290: by way of gateways, without the code",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="minimax",
        phrase=r"\binsufficient balance \(1008\)",
        statuses=(*OPEN_OR_500, 429),
        example='500 {"type":"error","error":{"type":"api_error","message":"insufficient balance (1008)"}}',
        source="MiniMax-AI/MiniMax-M2 #62: status 500, for money",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="deepseek",
        phrase=r"(?:^|\")insufficient balance\b",
        statuses=OPEN,
        example='400 {"error":{"message":"litellm.BadRequestError: DeepseekException - {\\"error\\":{\\"message\\":'
        '\\"Insufficient Balance\\",\\"type\\":\\"unknown_error\\",\\"code\\":\\"invalid_request_error\\"}}"}}',
        source="Aider-AI/aider #4851: a 402 by way of LiteLLM",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="fireworks",
        phrase=r"\bis suspended, possibly due to reaching the monthly spending limit\b",
        statuses=(*OPEN, 403, 412),
        example='412 {"error":{"message":"Account x is suspended, possibly due to reaching the monthly spending limit '
        'or failure to pay past invoices.","param":null,"code":"PRECONDITION_FAILED","type":"error"}}',
        source="pollinations/pollinations #12136, amd/gaia #3766",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="openrouter",
        phrase=r"\bkey limit exceeded\b",
        statuses=(None, 403),
        example='403 {"error":{"message":"Key limit exceeded (monthly limit). Manage it using '
        'https://openrouter.ai/settings/keys","code":403}}',
        source="gptme/gptme #1449, RooCodeInc/Roo-Code #515: a 403 by the key's own spending cap",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="kimi code, zai",
        phrase=r"\breached your usage limit for this (?:billing cycle|period)\b|\breached kimi monthly usage limit\b"
        r"|\busage limit reached for \d+ hour\b|\bweekly/monthly limit exhausted\b",
        statuses=(None, 403, 429),
        example='403 {"error":{"message":"You\'ve reached your usage limit for this billing cycle."}}',
        source="kimi.com/code/docs error-reference; hugalafutro/model-hotel #955: whole hours and more",
    ),
    Row(
        kind=_K.QUOTA_EXHAUSTED,
        at="cloudflare",
        phrase=r"\bused up your daily free allocation\b",
        statuses=(None, 429),
        example='429 {"success":false,"errors":[{"code":4006,"message":"you have used up your daily free allocation '
        "of 10,000 neurons, please upgrade to Cloudflare's Workers Paid plan\"}]}",
        source="diegosouzapw/OmniRoute #6980; developers.cloudflare.com/workers-ai/platform/errors",
    ),
)

_NO_CONTEXT = (
    r"\bper[ _-]?(?:second|minute|min|hour|day|month)\b|\brate\b|\b[tr]p[md]\b|\b(?:daily|weekly|monthly)\b|\bquota\b"
    r"|\bmax_(?:completion_|output_|new_)?tokens\b|\bmaxOutputTokens\b|\bmaximum (?:output |completion |new )?tokens\b"
    r"|\b(?:output|completion|thinking|budget|access|api|auth|refresh)[ _]tokens?\b|\bbudget_tokens\b"
    r"|\b(?:context length|maximum context)\b[\w ]{0,20} (?:must|should|is not a|has to) "
)
"""What speaks of tokens and limits, and means a rate, a ceiling, a key or a field."""

_TOO_MUCH = (
    r"\bcontext ?length\b|\bcontext ?length ?exceeded|\bmaximum context\b|\btokens\b.{0,80}\bexceeds?\b"
    r"|\btoken (?:count )?limit (?:\w+ ){0,2}(?:exceeded|reached)\b"
    r"|\b(?:exceed\w*|over|above|beyond)\b.{0,40}\btokens? limit\b"
    r"|\btokens?\b.{0,60}\b(?:exceed\w*|over|above|beyond|(?:larger|greater|more) than)\b.{0,40}\blimit\b"
)

OVERFLOWS = (
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="anthropic",
        phrase=r"\bprompt is too long\b|\bexceeds? (?:the |its )?context limit\b",
        statuses=OPEN_OR_500,
        example='400 {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: '
        "210000 tokens "
        '> 200000 maximum"}}',
        source="wire-formats §1.4",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="llamacpp, lmstudio",
        phrase=r"\bcontext size has been exceeded\b|^context shift is disabled\b",
        statuses=OPEN_OR_500,
        example='500 {"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}',
        source="ggml-org/llama.cpp #19774, lmstudio-ai/lmstudio-bug-tracker #2339 (MLX), ikawrakow/ik_llama.cpp #2051",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="ollama",
        phrase=r"\bprompt too long; exceeded (?:max )?context length\b",
        statuses=OPEN_OR_500,
        example='400 {"error":"prompt too long; exceeded max context length by 12 tokens (ref: 1)"}',
        source="wire-formats §6; with status 500: unverified",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="bedrock, openrouter, litellm",
        phrase=r"\binput is too long for requested model\b|\bprompt tokens \(\d+\) exceed model maximum\b",
        statuses=OPEN_OR_500,
        example='400 {"error":{"code":"validation_error","message":"prompt tokens (1055489) exceed model maximum '
        '(1050000) for x","type":"invalid_request_error"}}',
        source="aws-samples/bedrock-chat #95, continuedev/continue #6005; BerriAI/litellm #36580 and its tests "
        "(Bedrock's Mantle; LiteLLM answered 500)",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="ollama, llamacpp, perplexity",
        phrase=r"\bprompt too long\b|\bavailable context size\b|\btotal length of all messages is too long\b",
        statuses=OPEN_OR_500,
        example='400 {"error":{"code":400,"message":"the request exceeds the available context size, '
        'try increasing it"}}',
        source="wire-formats §6, §9",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="lmstudio, vllm",
        phrase=r"\btokens to keep from the initial prompt is greater than\b"
        r"|\bn_keep\b.{0,20}>= ?n_ctx\b|\btokens when (?:the )?context (?:the )?overflows\b"
        r"|\breached context length of \d|\bcontext length (?:is|of) only \d",
        statuses=OPEN_OR_500,
        example='400 {"error":"The number of tokens to keep from the initial prompt is greater than the context length '
        '(n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length."}',
        source="Gitlawb/openclaude #353, lmstudio-ai/lmstudio-bug-tracker #546, #2322 (status 200), "
        "anomalyco/opencode #11141; vLLM's words: recorded by others in tests, 2026",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="xai, copilot, moonshot, minimax, zai",
        phrase=r"\bmaximum prompt length is \d|\bprompt token count of \d+ exceeds the limit\b"
        r"|\bexceeded model token limit\b|\binput token length too long\b|\bcontext window exceeds limit\b"
        r"|\bprompt exceeds max length\b",
        statuses=OPEN_OR_500,
        example='400 {"code":"invalid-argument","error":"This model\'s maximum prompt length is 131072 but the request '
        'contains 136973 tokens."}',
        source="cline/cline #3120, jjleng/copilot-more #35, MoonshotAI/kimi-cli #2011, "
        "platform.kimi.ai/docs/api/errors, MiniMax-AI/MiniMax-M2 #119, zeroclaw-labs/zeroclaw #4124",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="tgi, together, cerebras, groq, openai, cohere, sambanova, dashscope, volcengine",
        phrase=r"`?inputs`? tokens \+ `?max_new_tokens`?\s+must be <=|\breduce the length of the messages\b"
        r"|\binput tokens exceed the configured limit\b|\btoo many tokens: total number of tokens\b"
        r"|\bmaximum supported sequence length is\b|\brange of input length should be\b"
        r"|\binput length \d+ exceeds the maximum length\b",
        statuses=OPEN_OR_500,
        example='422 {"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2019 '
        '`inputs` tokens and 30 `max_new_tokens`","error_type":"validation"}',
        source="stanford-crfm/helm #2079, cline/cline #5140 (Cerebras), #5474 (OpenAI), #294 (SambaNova), "
        "cohere-ai/sandbox-topically #4, QwenLM/qwen-code #98, langgenius/dify #32221",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="openai, deepseek, mistral, openrouter, vllm, sglang",
        phrase=r"\bcontext_length_exceeded\b|\bmax(?:imum)? context (?:length|window)\b|\bContextWindowExceededError\b"
        r"|\bexceeds? (?:the |its )?context (?:window|length|size)\b|\blonger than the (?:model's "
        r"context|maximum model) "
        r"length\b|\btoo long to fit into the model\b",
        statuses=OPEN_OR_500,
        example='400 {"error":{"message":"This model\'s maximum context length is 1048565 tokens. However, you '
        "requested "
        '1050000 tokens","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}',
        source="wire-formats §2.3, §3.2, §9; QwenLM/Qwen3 #1321 (SGLang), vllm-project/vllm #12165; "
        "'maximum model length' and LiteLLM's class: unverified",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="gemini",
        phrase=r"\binput token count\b.{0,60}\b(?:exceeds|only supports up to)\b",
        statuses=OPEN_OR_500,
        example='400 {"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of '
        "tokens allowed "
        '(8).","status":"INVALID_ARGUMENT"}}',
        source="wire-formats §5.3",
    ),
    Row(
        kind=_K.CONTEXT_OVERFLOW,
        at="any",
        phrase=rf"\A(?![\s\S]*(?:{_NO_CONTEXT}))[\s\S]*(?:{_TOO_MUCH})",
        statuses=OPEN_OR_500,
        example='500 {"error":{"message":"Context length exceeded: 9000 tokens exceeds the limit of 8192"}}',
        source="seeds, row 004-63: the general words, less what sounds like them",
    ),
)
"""Before the phrases of rates: who says both can not be helped by waiting."""
