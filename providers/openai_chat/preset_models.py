"""What is known about families of models behind compatible endpoints, by their names, as data with its sources.

A wrong "thinks" costs little: the answer is continued by a quote, and the idle clock is doubled. A wrong "continues"
costs the seam: the model starts over where its reply is trusted to go on. So what is not known thinks only if its name
says so, and continues only where its server documents it.
"""

from __future__ import annotations

import re

from ..models import claude_facts, openai_reasons

_THINKS_OPENLY = re.compile(
    r"""
    \bdeepseek-(?:r\d|reasoner|v3[.\-][12]|v[4-9])   # api-docs.deepseek.com, "Thinking Mode"; vLLM, "Reasoning Outputs"
    | \bqwen-?3(?!.*(?:instruct|coder))             # Qwen3 model cards: all but -Instruct and -Coder
    | \bqwq | \bqvq | magistral | gpt-oss | \bglm-?(?:4[.\-][5-9]|[5-9]|z1)
    | \bkimi-k(?:2[.\-][5-9]|[3-9]) | \bminimax-m\d | \bseed-oss | \bhunyuan-a13b | \bcogito | \bexaone-deep
    | \bsmollm3 | \bnemotron.*(?:ultra|super|nano) | \bstep-?3 | \bmimo\b
    """,
    re.VERBOSE,
)
"""Open-weight families whose chat templates think unless told not to (vLLM docs, "Reasoning Outputs", read 2026-11)."""

_GROK_THINKS = re.compile(r"grok-(?:3-mini|[4-9]|code)(?!.*non-reasoning)")
_GROQ_SYSTEMS = re.compile(r"(?:^|/)compound")
_GROQ_WRITES_TAGS = re.compile(r"qwen-?3|qwq|deepseek-r1")


def thinks_openly(model: str) -> bool:
    """Whether a model thinks unless told not to, by its name in any registry's spelling."""
    name = model.lower().replace("_", "-")
    return openai_reasons(name) or _THINKS_OPENLY.search(name) is not None


def grok_thinks(model: str) -> bool:
    """Whether a Grok thinks (docs.x.ai, "Reasoning": grok-3-mini and all from grok-4 on, but for "non-reasoning")."""
    return _GROK_THINKS.search(model.lower()) is not None or openai_reasons(model)


def deepseek_thinks(model: str) -> bool:
    """Whether a model of DeepSeek's own API thinks: all do unless told not to, but for the alias "deepseek-chat"."""
    return "chat" not in model.lower()


def deepseek_continues(model: str) -> bool:
    """Whether a model of DeepSeek's takes a prefix without its thoughts: not the one that can not be told to stop."""
    return re.search(r"reasoner|\br1\b", model.lower()) is None


def openrouter_continues(model: str) -> bool:
    """Whether an upstream of OpenRouter's is known to take prefill, and so to go on rather than to begin another turn.

    OpenRouter hands a trailing assistant message on and names no models (openrouter.ai/docs, "Assistant Prefill").
    Claude up to 4.5 documents it at every host; the hosts of open weights differ, and OpenAI begins anew.
    """
    return claude_facts(model).prefill


def groq_continues(model: str) -> bool:
    """Whether Groq continues a trailing assistant message: its text models do, its systems of several calls do not.

    Source: console.groq.com/docs/prefilling ("any text-to-text model"), read 2026-11.
    """
    return _GROQ_SYSTEMS.search(model.lower()) is None


def groq_writes_tags(model: str) -> bool:
    """Whether a model at Groq writes its thoughts into the text unless told otherwise; others refuse to be told.

    Source: console.groq.com/docs/reasoning (`reasoning_format` defaults to raw; not with gpt-oss), read 2026-11.
    """
    return _GROQ_WRITES_TAGS.search(model.lower()) is not None
