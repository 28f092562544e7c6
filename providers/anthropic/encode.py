"""A request as the body of Anthropic's Messages API.

Decisions:
- `max_tokens` is required by the API; without one in the request it is `ClaudeFacts.output_tokens`, raised above a
  thinking budget. One in the request is never raised (budgets are never exceeded): a budget that does not fit is a
  `UsageError` for a first request, and shrinks or is left out for a continuation, whose ceiling has shrunk.
- A budget on a model that takes none becomes adaptive thinking; an effort on a model that takes none becomes a budget.
- Reasoning is replayed only when signed, or redacted, by this provider and model; opaque blocks only to their origin.
- Adjacent turns of one role are merged, tool results come first in their turn, blank texts are left out (400).

Source: wire-formats §1.1 and §1.5 (2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeAlias

from ...engine.core.capabilities import ContinuationForm
from ...engine.core.json_value import JSONValue
from ...engine.core.messages import (
    Block,
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    Role,
    TextBlock,
    ToolCall,
    ToolResult,
)
from ...engine.core.request import InferenceRequest, ToolChoice, ToolChoiceMode
from ...engine.core.usage_error import UsageError
from ..models import ClaudeFacts

BUDGET_TOKENS_MIN = 1024
"""The least thinking budget the API takes."""

ANSWER_TOKENS_MIN = 1024
"""What a ceiling of our own leaves for the answer above a thinking budget."""

_EFFORT_TOKENS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 24_576}
"""What an effort means to a model that takes budgets only: our reading, between LiteLLM's and the documentation's."""

_EPHEMERAL: JSONValue = {"type": "ephemeral"}

Item: TypeAlias = dict[str, JSONValue]


def write_messages_body(
    request: InferenceRequest, form: ContinuationForm | None, *, model: str, origin: str, facts: ClaudeFacts
) -> Item:
    """Build the body, without the caller's `extra`."""
    ceiling, reasoning = _ceiling_and_reasoning(request, form, facts)
    messages = write_turns(request.messages, origin)
    system: list[Item] = [{"type": "text", "text": block.text} for block in request.system if block.text.strip()]
    tools: list[Item] = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in request.tools
    ]
    if request.prompt_cache:
        _mark_prefix(system, tools, messages)
    body: Item = {"model": model, "max_tokens": ceiling, "stream": True, "messages": messages}
    optional: Item = {
        "system": system,
        "tools": tools,
        "tool_choice": _tool_choice(request.tool_choice),
        "temperature": request.temperature,
        "stop_sequences": list(request.stop_sequences),
    }
    body |= {key: value for key, value in optional.items() if value is not None and value != []}
    return body | reasoning


def _tool_choice(choice: ToolChoice | None) -> JSONValue:
    if choice is None:
        return None
    if choice.mode is ToolChoiceMode.TOOL:
        return {"type": "tool", "name": choice.name}
    return {"type": "any" if choice.mode is ToolChoiceMode.REQUIRED else choice.mode.value}


def thinks(request: InferenceRequest, facts: ClaudeFacts) -> bool:
    """Whether this request makes the model think: then it can not be prefilled, and is slow to its first word."""
    asked = request.extra.get("thinking")
    if isinstance(asked, dict):
        return asked.get("type") != "disabled"
    return bool(request.reasoning_budget_tokens) or request.reasoning_effort not in (None, "none")


def _ceiling_and_reasoning(
    request: InferenceRequest, form: ContinuationForm | None, facts: ClaudeFacts
) -> tuple[int, Item]:
    if not facts.budget or (facts.effort and facts.adaptive and request.reasoning_budget_tokens is None):
        return request.max_tokens or facts.output_tokens, _adaptive(request, facts)
    effort: Item = {}
    if facts.effort and request.reasoning_effort not in (None, "none"):
        effort = {"output_config": {"effort": _effort(request.reasoning_effort)}}
    ceiling, budget = _fit(request, form, facts)
    if budget is None:
        return ceiling, effort
    thinking: Item = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return ceiling, thinking | effort


def _effort(word: str | None) -> str | None:
    return "low" if word == "minimal" else word  # the one word of other providers that this API does not know


def _adaptive(request: InferenceRequest, facts: ClaudeFacts) -> Item:
    word = request.reasoning_effort
    if word == "none":
        return {"thinking": {"type": "disabled"}} if facts.can_disable and facts.adaptive else {}
    fields: Item = {}
    if facts.adaptive and (word is not None or request.reasoning_budget_tokens is not None):
        fields["thinking"] = {"type": "adaptive"}
    if facts.effort and word is not None:
        fields["output_config"] = {"effort": _effort(word)}
    return fields


def _fit(request: InferenceRequest, form: ContinuationForm | None, facts: ClaudeFacts) -> tuple[int, int | None]:
    """Return the ceiling and the thinking budget below it; None for no thinking."""
    budget = request.reasoning_budget_tokens
    if budget is None:
        wished = None if facts.effort else _EFFORT_TOKENS.get(request.reasoning_effort or "")
        ceiling = request.max_tokens or max(facts.output_tokens, (wished or 0) + ANSWER_TOKENS_MIN)
        fitting = min(wished or 0, ceiling - 1)
        return ceiling, fitting if fitting >= BUDGET_TOKENS_MIN else None
    if budget < BUDGET_TOKENS_MIN:
        raise UsageError(f"reasoning_budget_tokens is {budget}; Claude takes at least {BUDGET_TOKENS_MIN}")
    if request.max_tokens is None:
        return max(facts.output_tokens, budget + ANSWER_TOKENS_MIN), budget
    if budget < request.max_tokens:
        return request.max_tokens, budget
    if form is None:
        raise UsageError(
            f"reasoning_budget_tokens is {budget} and max_tokens is {request.max_tokens}; expected a budget below the "
            "ceiling, which counts reasoning and answer together"
        )
    fitting = request.max_tokens - 1
    return request.max_tokens, fitting if fitting >= BUDGET_TOKENS_MIN else None


def write_turns(messages: Sequence[Message], origin: str) -> list[Item]:
    """Write the conversation: turns of alternating roles, none of them empty.

    Raises:
        UsageError: nothing is left of it.
    """
    turns: list[tuple[Role, list[Item]]] = []
    for message in messages:
        items = [item for block in message.content if (item := _item(block, origin)) is not None]
        if turns and turns[-1][0] is message.role:
            turns[-1][1].extend(items)
        elif items:
            turns.append((message.role, items))
    if not turns:
        raise UsageError("messages holds blank texts only; expected something to answer")
    return [{"role": role.value, "content": _results_first(items)} for role, items in turns]


def _results_first(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item["type"] != "tool_result")  # stable


def _item(block: Block, origin: str) -> Item | None:
    match block:
        case TextBlock(text):
            return {"type": "text", "text": text} if text.strip() else None
        case ImageBlock():
            return _image(block)
        case ToolCall():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.arguments}
        case ToolResult():
            return _tool_result(block, origin)
        case ReasoningBlock():
            return _reasoning(block) if block.origin == origin else None
        case OpaqueBlock():
            return dict(block.data) if block.origin == origin else None


def _image(block: ImageBlock) -> Item:
    if block.data is None:
        return {"type": "image", "source": {"type": "url", "url": block.url}}
    data = base64.b64encode(block.data).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": block.media_type, "data": data}}


def _tool_result(block: ToolResult, origin: str) -> Item:
    content: JSONValue = block.content if isinstance(block.content, str) else None
    if not isinstance(block.content, str):
        content = [item for part in block.content if (item := _item(part, origin)) is not None]
    result: Item = {"type": "tool_result", "tool_use_id": block.tool_call_id, "content": content}
    return result | {"is_error": True} if block.is_error else result


def _reasoning(block: ReasoningBlock) -> Item | None:
    if block.redacted is not None:
        return {"type": "redacted_thinking", "data": block.redacted}
    if block.signature:
        return {"type": "thinking", "thinking": block.text, "signature": block.signature}
    return None


def _mark_prefix(system: list[Item], tools: list[Item], messages: list[Item]) -> None:
    """Mark the ends of what stays the same: tools, then system, begin the prompt, so the last of them marks both."""
    prefix = system or tools
    if prefix:
        prefix[-1]["cache_control"] = _EPHEMERAL
    for message in reversed(messages):
        content = message["content"]
        if message["role"] == "user" and isinstance(content, list) and isinstance(content[-1], dict):
            content[-1]["cache_control"] = _EPHEMERAL
            return
