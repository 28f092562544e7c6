"""A request as the body of OpenAI's Responses API.

Decisions:
- The whole conversation is sent with every request, as items; ids of earlier items are not, for the API then asks for
  every item they were made with. System blocks are `instructions`, joined by blank lines.
- Tools are not `strict` unless `extra` says so: the API's default would rewrite their schemas.
- An effort asks for a summary too, or the reasoning could not be shown; some organisations may not have one, and turn
  it off (`reasoning_summary=None`). A thinking budget and stop sequences do not exist here: a `UsageError` says so.
- Models that reason are asked for `reasoning.encrypted_content`, stored or not: nothing else can be sent back with a
  conversation of our own, and both ways were recorded. Others answer 400 to it ("Encrypted content is not supported
  with this model").
- A reasoning block goes back only to its origin, as the unmodified item that its signature is, and only right before
  an item of the same turn: alone it is a 400 ("without its required following item").
- A result has no place for "is an error": its text begins with "Error: ".
- A call of a custom tool, which `extra["tools"]` declares, goes back as one: its argument `input` is its free text.
- Prompt caching is automatic from 1,024 tokens on; `extra` takes `prompt_cache_key` and `prompt_cache_options`.
- A ceiling is never raised, although the API refuses one below 16.

Source: wire-formats §4.1 and §4.4; openai-python 3.52, types/responses (2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeAlias

from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.messages import (
    Block,
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    Role,
    TextBlock,
    Tool,
    ToolCall,
    ToolResult,
)
from ...engine.core.request import InferenceRequest, ToolChoice, ToolChoiceMode
from ...engine.core.usage_error import UsageError
from ..wire.json import list_at, read_value, text_at, write_json

Item: TypeAlias = dict[str, JSONValue]


def write_responses_body(
    request: InferenceRequest, *, model: str, origin: str, summary: str | None, reasons: bool
) -> Item:
    """Build the body, without the caller's `extra`.

    Raises:
        UsageError: a field that this API does not have, or nothing to answer.
    """
    _refuse_unknown(request)
    body: Item = {"model": model, "input": _conversation(request, origin), "stream": True}
    optional: Item = {
        "instructions": "\n\n".join(block.text for block in request.system if block.text) or None,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request.tool_choice),
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "reasoning": _reasoning(request.reasoning_effort, summary),
        "include": ["reasoning.encrypted_content"] if reasons else None,
    }
    return body | {key: value for key, value in optional.items() if value is not None}


def _refuse_unknown(request: InferenceRequest) -> None:
    if request.stop_sequences:
        raise UsageError(
            "stop_sequences are given, which the Responses API does not have; leave them out, or use OpenAIChat"
        )
    if request.reasoning_budget_tokens is not None:
        raise UsageError(
            "reasoning_budget_tokens is given, which the Responses API does not have; use reasoning_effort, and "
            "max_tokens for reasoning and answer together"
        )


def _reasoning(effort: str | None, summary: str | None) -> JSONValue:
    if effort is None:
        return None
    asks = summary is not None and effort != "none"
    return {"effort": effort, "summary": summary} if asks else {"effort": effort}


def _tool(tool: Tool) -> JSONValue:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": False,
    }


def _tool_choice(choice: ToolChoice | None) -> JSONValue:
    if choice is None:
        return None
    if choice.mode is ToolChoiceMode.TOOL:
        return {"type": "function", "name": choice.name}
    return choice.mode.value


def _conversation(request: InferenceRequest, origin: str) -> list[JSONValue]:
    custom = _custom_calls(request)
    items: list[JSONValue] = []
    for message in request.messages:
        if message.role is Role.ASSISTANT:
            items.extend(_assistant(message, origin, custom))
        else:
            items.extend(_user(message, custom))
    if not items:
        raise UsageError("messages holds empty texts only; expected something to answer")
    return items


def _custom_calls(request: InferenceRequest) -> frozenset[str]:
    """Return the ids of the calls whose tools take free text: those that `extra` declares as custom."""
    tools = [tool for tool in list_at(request.extra, "tools") if isinstance(tool, dict)]
    names = {text_at(tool, "name") for tool in tools if text_at(tool, "type") == "custom"}
    blocks = [block for message in request.messages for block in message.content]
    calls = [block for block in blocks if isinstance(block, ToolCall) and block.name in names]
    return frozenset(call.id for call in calls if isinstance(call.arguments.get("input"), str))


def _assistant(message: Message, origin: str, custom: frozenset[str]) -> list[Item]:
    """Write a turn of the model's; reasoning waits for the item it led to."""
    items: list[Item] = []
    waiting: list[Item] = []
    for block in message.content:
        if isinstance(block, ReasoningBlock):
            waiting.extend(_replay(block) if block.origin == origin else ())
        elif (item := _said(block, origin, custom)) is not None:
            items.extend((*waiting, item))
            waiting.clear()
    return items


def _replay(block: ReasoningBlock) -> list[Item]:
    item = read_value(block.signature or "")
    if not isinstance(item, dict) or text_at(item, "type") != "reasoning" or not text_at(item, "encrypted_content"):
        return []
    return [{key: value for key, value in item.items() if value is not None}]


def _said(block: Block, origin: str, custom: frozenset[str]) -> Item | None:
    match block:
        case TextBlock(text):
            return {"type": "message", "role": "assistant", "content": text} if text else None
        case ToolCall() if block.id in custom:
            return {"type": "custom_tool_call", "call_id": block.id, "name": block.name, "input": _input(block)}
        case ToolCall():
            arguments = write_json(block.arguments)
            return {"type": "function_call", "call_id": block.id, "name": block.name, "arguments": arguments}
        case OpaqueBlock():
            return dict(block.data) if block.origin == origin else None
        case _:
            return None


def _input(call: ToolCall) -> JSONValue:
    return call.arguments["input"]


def _user(message: Message, custom: frozenset[str]) -> list[Item]:
    results = [_result(block, custom) for block in message.content if isinstance(block, ToolResult)]
    parts = _parts(message.content)
    return [*results, {"type": "message", "role": "user", "content": list[JSONValue](parts)}] if parts else results


def _result(result: ToolResult, custom: frozenset[str]) -> Item:
    kind = "custom_tool_call_output" if result.tool_call_id in custom else "function_call_output"
    return {"type": kind, "call_id": result.tool_call_id, "output": _output(result)}


def _output(result: ToolResult) -> JSONValue:
    content = result.content
    if isinstance(content, str):
        return f"Error: {content}" if result.is_error else content
    blocks: Sequence[Block] = (TextBlock("Error: "), *content) if result.is_error else content
    return list[JSONValue](_parts(blocks))


def _parts(blocks: Sequence[Block]) -> list[JSONObject]:
    parts: list[JSONObject] = []
    for block in blocks:
        if isinstance(block, TextBlock) and block.text:
            parts.append({"type": "input_text", "text": block.text})
        elif isinstance(block, ImageBlock):
            parts.append({"type": "input_image", "detail": "auto", "image_url": _image_url(block)})
    return parts


def _image_url(block: ImageBlock) -> str | None:
    if block.data is None:
        return block.url
    return f"data:{block.media_type};base64,{base64.b64encode(block.data).decode('ascii')}"
