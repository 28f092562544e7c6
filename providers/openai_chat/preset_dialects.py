"""How presets write what OpenAI has no field for: thinking, replayed reasoning, native continuations, ids of calls."""

from __future__ import annotations

import hashlib
import re

from ...engine.core.json_value import JSONValue
from ...engine.core.messages import Message, ReasoningBlock, ToolCall
from ...engine.core.request import InferenceRequest
from .dialect import Item
from .preset_models import deepseek_thinks, groq_writes_tags

_NINE = re.compile(r"[A-Za-z0-9]{9}")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def own_reasoning(message: Message, origin: str) -> list[ReasoningBlock]:
    """Return the thoughts of a turn that came from `origin`."""
    blocks = [block for block in message.content if isinstance(block, ReasoningBlock)]
    return [block for block in blocks if block.origin == origin and block.text]


def has_calls(message: Message) -> bool:
    """Whether a turn calls tools."""
    return any(isinstance(block, ToolCall) for block in message.content)


# -- OpenRouter -----------------------------------------------------------------------------------------------------


def write_unified_reasoning(request: InferenceRequest, _model: str) -> Item:
    """Write `reasoning`: a budget, or else an effort; OpenRouter takes one of them (docs, "Reasoning tokens")."""
    if request.reasoning_budget_tokens:
        return {"reasoning": {"max_tokens": request.reasoning_budget_tokens}}
    return {} if request.reasoning_effort is None else {"reasoning": {"effort": request.reasoning_effort}}


# -- DeepSeek -------------------------------------------------------------------------------------------------------


def write_deepseek_thinking(request: InferenceRequest, _model: str) -> Item:
    """Write `thinking` and its effort. A forced call is refused while thinking, so it switches thinking off unasked."""
    effort = request.reasoning_effort
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if effort is not None:
        return {"thinking": {"type": "enabled"}, "reasoning_effort": effort}
    if request.reasoning_budget_tokens:
        return {"thinking": {"type": "enabled"}}
    if request.tool_choice is not None and request.tool_choice.is_forced:
        return {"thinking": {"type": "disabled"}}
    return {}


def replay_deepseek_reasoning(request: InferenceRequest, message: Message, origin: str) -> Item:
    """Replay `reasoning_content` wherever tools are in play: DeepSeek answers 400 without it.

    A turn that came from elsewhere has no thought of DeepSeek's: an empty one stands for it, which is what clients send
    that work (kimi-cli #2141, hermes-agent #16021; 2026). Without tools it "is ignored", so it is left out.
    """
    thoughts = own_reasoning(message, origin)
    model = origin.partition("/")[2]
    if not (request.tools or has_calls(message)) or not (thoughts or deepseek_thinks(model)):
        return {}
    return {"reasoning_content": "".join(block.text for block in thoughts)}


def mark_deepseek_prefix(_request: InferenceRequest, body: Item, thinks: bool) -> Item:
    """Mark the last turn as a prefix. It has no thought to go with it, so thinking is off (docs, "Chat Prefix")."""
    body = mark_prefix(_request, body, thinks)
    if not thinks:
        return body
    body.pop("reasoning_effort", None)
    return body | {"thinking": {"type": "disabled"}}


# -- Mistral --------------------------------------------------------------------------------------------------------


def mark_prefix(_request: InferenceRequest, body: Item, _thinks: bool) -> Item:
    """Mark the last turn as the beginning of the answer: `prefix: true`."""
    messages = body["messages"]
    if not isinstance(messages, list) or not messages or not isinstance(last := messages[-1], dict):
        return body
    return body | {"messages": [*messages[:-1], {**last, "prefix": True}]}


def nine_characters(call_id: str) -> str:
    """Write the id of a call as Mistral wants it, nine letters and digits; equal ids stay equal."""
    if _NINE.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return "".join(_DIGITS[number // 62**place % 62] for place in range(9))


def replay_mistral_thinking(_request: InferenceRequest, message: Message, origin: str) -> Item:
    """Replay thoughts as parts of the content, on turns with calls and where they are signed."""
    thoughts = [block for block in own_reasoning(message, origin) if block.signature or has_calls(message)]
    if not thoughts:
        return {}
    parts: list[JSONValue] = []
    for block in thoughts:
        part: Item = {"type": "thinking", "thinking": [{"type": "text", "text": block.text}]}
        parts.append(part | ({} if block.signature is None else {"signature": block.signature}))
    return {"content": [*parts, {"type": "text", "text": message.text}] if message.text else parts}


# -- Groq -----------------------------------------------------------------------------------------------------------


def write_groq_reasoning(request: InferenceRequest, model: str) -> Item:
    """Write the effort, and have thoughts sent apart where the default is tags in the text (docs, "Reasoning")."""
    effort: Item = {} if request.reasoning_effort is None else {"reasoning_effort": request.reasoning_effort}
    return effort | ({"reasoning_format": "parsed"} if groq_writes_tags(model) else {})


# -- servers of one's own -------------------------------------------------------------------------------------------


def write_template_thinking(request: InferenceRequest, _model: str) -> Item:
    """Write the effort; "none" tells the chat template not to think, by the names that templates know."""
    if request.reasoning_effort == "none":
        return {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
    return {} if request.reasoning_effort is None else {"reasoning_effort": request.reasoning_effort}


def mark_final_message(_request: InferenceRequest, body: Item, _thinks: bool) -> Item:
    """Have vLLM go on with the last turn instead of beginning another; both flags true are refused."""
    return body | {"continue_final_message": True, "add_generation_prompt": False}


def mark_final_string(_request: InferenceRequest, body: Item, _thinks: bool) -> Item:
    """Have SGLang append the last turn's content, a string, to the rendered prompt."""
    return body | {"continue_final_message": True}
