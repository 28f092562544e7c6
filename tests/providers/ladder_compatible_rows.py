"""The rungs of servers that speak Chat Completions in their own way: see `ladder_rows`.

Sources: wire-formats §3: OpenRouter 3.1, DeepSeek 3.2, Mistral 3.3, Groq 3.4, xAI 3.5, servers of one's
own 3.7; of LM Studio nothing is documented, so nothing is trusted.
"""

from __future__ import annotations

from tests.providers.ladder_rows import NATIVE, PREFILL, QUOTE, Rung

COMPATIBLE_RUNGS = (
    Rung(
        "OpenRouter, where the upstream takes a prefill",
        "openrouter",
        ("anthropic/claude-sonnet-4.5",),
        PREFILL,
        url="https://openrouter.ai/api/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "OpenRouter, where it does not, or nobody knows",
        "openrouter",
        ("anthropic/claude-opus-4.6", "openai/gpt-4o", "google/gemini-3.6-flash"),
        QUOTE,
        url="https://openrouter.ai/api/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}, {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "xAI: no prefill is documented",
        "grok",
        ("grok-4", "grok-3"),
        QUOTE,
        url="https://api.x.ai/v1/chat/completions",
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
        "DeepSeek: prefix on the beta path",
        "deepseek",
        ("deepseek-chat",),
        NATIVE,
        url="https://api.deepseek.com/chat/completions",
        next_url="https://api.deepseek.com/beta/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises", "prefix": true}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "DeepSeek that thinks: the prefix has no thoughts, so it is continued without",
        "deepseek",
        ("deepseek-v4",),
        NATIVE,
        url="https://api.deepseek.com/chat/completions",
        next_url="https://api.deepseek.com/beta/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "thinking": {"type": "disabled"}, "messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises", "reasoning_content": "", "prefix": true}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "Mistral: prefix",
        "mistral",
        ("mistral-large-latest", "codestral-latest"),
        NATIVE,
        url="https://api.mistral.ai/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises", "prefix": true}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "Groq, text models: prefill",
        "groq",
        ("llama-3.3-70b-versatile",),
        PREFILL,
        url="https://api.groq.com/openai/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 900, "messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "Groq, systems of several calls",
        "groq",
        ("groq/compound",),
        QUOTE,
        url="https://api.groq.com/openai/v1/chat/completions",
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
        "vLLM",
        "vllm",
        ("meta-llama/Llama-3.1-8B-Instruct",),
        NATIVE,
        url="http://localhost:8000/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "continue_final_message": true, "add_generation_prompt": false,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "SGLang",
        "sglang",
        ("meta-llama/Llama-3.1-8B-Instruct",),
        NATIVE,
        url="http://localhost:30000/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "continue_final_message": true, "messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "vLLM, a model that thinks",
        "vllm",
        ("Qwen/Qwen3-8B",),
        QUOTE,
        url="http://localhost:8000/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}, {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "llama.cpp",
        "llamacpp",
        ("any",),
        PREFILL,
        url="http://localhost:8080/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "llama.cpp: never with thinking",
        "llamacpp",
        ("Qwen3-8B",),
        QUOTE,
        url="http://localhost:8080/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}, {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
    Rung(
        "LM Studio",
        "lmstudio",
        ("any",),
        QUOTE,
        url="http://localhost:1234/v1/chat/completions",
        first="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 1000,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
        next="""{"model": "$MODEL", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 900,
 "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"},
 {"role": "assistant", "content": "The river rises"}, {"role": "user", "content": "$QUOTE"}], "tools": [
 {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ),
)
