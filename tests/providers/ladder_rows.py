"""The rungs of the formats that providers made themselves: what is asked first, and what is asked after a break.

Each body was checked against the provider's documentation (wire-formats, the section beside the row): code that makes
another one is a finding, not a new expectation. `$MODEL` stands for each model of the row, `$QUOTE` for the turn of the
user's that quotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from riverrun.engine.core.capabilities import ContinuationForm

NATIVE, PREFILL, QUOTE = ContinuationForm.NATIVE, ContinuationForm.PREFILL, ContinuationForm.QUOTE


@frozen(kw_only=True)
class Rung:
    """What one provider gets for some models: `first`, and `next` once "The river rises" was said by 100 tokens.

    `fields` are those of the request that are not the usual ones; `next_url` where the next request goes elsewhere.
    """

    title: str = field(kw_only=False)
    provider: str = field(kw_only=False)
    models: tuple[str, ...] = field(kw_only=False)
    form: ContinuationForm = field(kw_only=False)
    url: str
    first: str
    next: str
    next_url: str = ""
    fields: Mapping[str, Any] = field(factory=dict)


RUNGS = (
    Rung(
        "Claude up to 4.5: prefill (§1.5)",
        "anthropic",
        ("claude-3-5-haiku-latest", "claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5"),
        PREFILL,
        url="https://api.anthropic.com/v1/messages",
        first="""{"model": "$MODEL", "max_tokens": 1000, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}],
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
        next="""{"model": "$MODEL", "max_tokens": 900, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}],
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]},
 {"role": "assistant", "content": [{"type": "text", "text": "The river rises"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
    ),
    Rung(
        "Claude from 4.6 on, or unknown: a user turn that quotes (§1.5)",
        "anthropic",
        ("claude-opus-4-6", "claude-sonnet-4-6", "claude-sonnet-5", "claude-opus-5-5", "claude-fable-5-1", "my-own"),
        QUOTE,
        url="https://api.anthropic.com/v1/messages",
        first="""{"model": "$MODEL", "max_tokens": 1000, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}],
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
        next="""{"model": "$MODEL", "max_tokens": 900, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}],
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]},
 {"role": "assistant", "content": [{"type": "text", "text": "The river rises"}]},
 {"role": "user", "content": [{"type": "text", "text": "$QUOTE"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
    ),
    Rung(
        "Claude up to 4.5 while it thinks: never a prefill (§1.5)",
        "anthropic",
        ("claude-sonnet-4-5", "claude-haiku-4-5"),
        QUOTE,
        url="https://api.anthropic.com/v1/messages",
        fields={"max_tokens": 4000, "reasoning_budget_tokens": 2048},
        first="""{"model": "$MODEL", "max_tokens": 4000, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}], "thinking": {"type": "enabled", "budget_tokens": 2048},
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
        next="""{"model": "$MODEL", "max_tokens": 3900, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}], "thinking": {"type": "enabled", "budget_tokens": 2048},
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]},
 {"role": "assistant", "content": [{"type": "text", "text": "The river rises"}]},
 {"role": "user", "content": [{"type": "text", "text": "$QUOTE"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
    ),
    Rung(
        "Claude that thinks adaptively (§1.1)",
        "anthropic",
        ("claude-opus-4-6", "claude-opus-5-5"),
        QUOTE,
        url="https://api.anthropic.com/v1/messages",
        fields={"reasoning_effort": "high"},
        first="""{"model": "$MODEL", "max_tokens": 1000, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}], "thinking": {"type": "adaptive"},
 "output_config": {"effort": "high"},
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
        next="""{"model": "$MODEL", "max_tokens": 900, "stream": true,
 "system": [{"type": "text", "text": "Be brief."}], "thinking": {"type": "adaptive"},
 "output_config": {"effort": "high"},
 "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]},
 {"role": "assistant", "content": [{"type": "text", "text": "The river rises"}]},
 {"role": "user", "content": [{"type": "text", "text": "$QUOTE"}]}],
 "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
    ),
    Rung(
        "OpenAI Chat: a trailing assistant message is a finished turn (§2.4)",
        "openai",
        ("gpt-4.1", "gpt-4o"),
        QUOTE,
        url="https://api.openai.com/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 900, "messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "The river rises"},
 {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "OpenAI Chat, models that reason (§2.1)",
        "openai",
        ("o4-mini", "gpt-5.2"),
        QUOTE,
        url="https://api.openai.com/v1/chat/completions",
        fields={"reasoning_effort": "low"},
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 1000, "reasoning_effort": "low",
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 900, "reasoning_effort": "low", "messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "The river rises"},
 {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "OpenAI Responses (§4.4)",
        "openai-responses",
        ("gpt-4.1",),
        QUOTE,
        url="https://api.openai.com/v1/responses",
        first="""{"model": "$MODEL", "stream": true, "instructions": "Be brief.", "max_output_tokens": 1000,
 "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"}]}], "tools": [
 {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": false}]}""",
        next="""{"model": "$MODEL", "stream": true, "instructions": "Be brief.", "max_output_tokens": 900,
 "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"}]},
 {"type": "message", "role": "assistant", "content": "The river rises"},
 {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "$QUOTE"}]}], "tools": [
 {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": false}]}""",
    ),
    Rung(
        "OpenAI Responses, models that reason (§4.4)",
        "openai-responses",
        ("o4-mini", "gpt-5.2"),
        QUOTE,
        url="https://api.openai.com/v1/responses",
        fields={"reasoning_effort": "low"},
        first="""{"model": "$MODEL", "stream": true, "instructions": "Be brief.", "max_output_tokens": 1000,
 "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
 "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"}]}], "tools": [
 {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": false}]}""",
        next="""{"model": "$MODEL", "stream": true, "instructions": "Be brief.", "max_output_tokens": 900,
 "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
 "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"}]},
 {"type": "message", "role": "assistant", "content": "The river rises"},
 {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "$QUOTE"}]}], "tools": [
 {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": false}]}""",
    ),
    Rung(
        "OpenAI Responses in the background, its generation gone (§4.4)",
        "openai-responses",
        ("gpt-4.1",),
        QUOTE,
        url="https://api.openai.com/v1/responses",
        fields={"extra": {"background": True}},
        first="""{"model": "$MODEL", "stream": true, "instructions": "Be brief.", "max_output_tokens": 1000,
 "background": true,
 "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"}]}], "tools": [
 {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": false}]}""",
        next="""{"model": "$MODEL", "stream": true, "instructions": "Be brief.", "max_output_tokens": 900,
 "background": true,
 "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where?"}]},
 {"type": "message", "role": "assistant", "content": "The river rises"},
 {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "$QUOTE"}]}], "tools": [
 {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": false}]}""",
    ),
    Rung(
        "Azure OpenAI at /openai/v1 (§3)",
        "azure",
        ("my-gpt",),
        QUOTE,
        url="https://res.openai.azure.com/openai/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 900, "messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "The river rises"},
 {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "Gemini up to 3.5 Flash: a trailing model turn (§5.4)",
        "gemini",
        ("gemini-2.5-flash", "gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-3.5-flash"),
        PREFILL,
        url="https://generativelanguage.googleapis.com/v1beta/models/$MODEL:streamGenerateContent?alt=sse",
        first="""{"contents": [{"role": "user", "parts": [{"text": "Where?"}]}],
 "systemInstruction": {"parts": [{"text": "Be brief."}]}, "generationConfig": {"maxOutputTokens": 1000},
 "tools": [
 {"functionDeclarations": [{"name": "look", "description": "Look.", "parametersJsonSchema": {"type": "object"}}]}]}""",
        next="""{"systemInstruction": {"parts": [{"text": "Be brief."}]},
 "generationConfig": {"maxOutputTokens": 900}, "contents": [{"role": "user", "parts": [{"text": "Where?"}]},
 {"role": "model", "parts": [{"text": "The river rises"}]}], "tools": [
 {"functionDeclarations": [{"name": "look", "description": "Look.", "parametersJsonSchema": {"type": "object"}}]}]}""",
    ),
    Rung(
        "Gemini from 3.5 Flash-Lite and 3.6 on (§5.4)",
        "gemini",
        ("gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-3.8-flash", "gemini-4-argon", "some-gemini"),
        QUOTE,
        url="https://generativelanguage.googleapis.com/v1beta/models/$MODEL:streamGenerateContent?alt=sse",
        first="""{"contents": [{"role": "user", "parts": [{"text": "Where?"}]}],
 "systemInstruction": {"parts": [{"text": "Be brief."}]}, "generationConfig": {"maxOutputTokens": 1000},
 "tools": [
 {"functionDeclarations": [{"name": "look", "description": "Look.", "parametersJsonSchema": {"type": "object"}}]}]}""",
        next="""{"systemInstruction": {"parts": [{"text": "Be brief."}]},
 "generationConfig": {"maxOutputTokens": 900}, "contents": [{"role": "user", "parts": [{"text": "Where?"}]},
 {"role": "model", "parts": [{"text": "The river rises"}]}, {"role": "user", "parts": [{"text": "$QUOTE"}]}],
 "tools": [
 {"functionDeclarations": [{"name": "look", "description": "Look.", "parametersJsonSchema": {"type": "object"}}]}]}""",
    ),
    Rung(
        "Gemini Interactions that nobody stores (§5.5)",
        "gemini-interactions",
        ("gemini-2.5-flash", "gemini-3.6-flash"),
        QUOTE,
        url="https://generativelanguage.googleapis.com/v1beta/interactions",
        fields={"extra": {"store": False}},
        first="""{"model": "$MODEL", "stream": true, "system_instruction": "Be brief.",
 "generation_config": {"max_output_tokens": 1000}, "store": false,
 "input": [{"type": "user_input", "content": [{"type": "text", "text": "Where?"}]}],
 "tools": [{"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}}]}""",
        next="""{"model": "$MODEL", "stream": true, "system_instruction": "Be brief.",
 "generation_config": {"max_output_tokens": 900}, "store": false,
 "input": [{"type": "user_input", "content": [{"type": "text", "text": "Where?"}]},
 {"type": "model_output", "content": [{"type": "text", "text": "The river rises"}]},
 {"type": "user_input", "content": [{"type": "text", "text": "$QUOTE"}]}],
 "tools": [{"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object"}}]}""",
    ),
    Rung(
        "Ollama: a trailing assistant message (§6)",
        "ollama",
        ("llama3.2",),
        PREFILL,
        url="http://localhost:11434/api/chat",
        first="""{"model": "$MODEL", "stream": true, "options": {"num_predict": 1000},
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "options": {"num_predict": 900},
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "Ollama, a model that thinks",
        "ollama",
        ("qwen3",),
        QUOTE,
        url="http://localhost:11434/api/chat",
        first="""{"model": "$MODEL", "stream": true, "options": {"num_predict": 1000},
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "options": {"num_predict": 900},
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}, {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "Ollama, thinking switched off",
        "ollama",
        ("qwen3",),
        PREFILL,
        url="http://localhost:11434/api/chat",
        fields={"reasoning_effort": "none"},
        first="""{"model": "$MODEL", "stream": true, "think": false, "options": {"num_predict": 1000},
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "think": false, "options": {"num_predict": 900},
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
)
