"""A request as the body of OpenAI's Chat Completions API.

Decisions:
- The ceiling is `max_completion_tokens` at OpenAI and Azure and for names of reasoning models (they refuse
  `max_tokens`), and `max_tokens` at compatible endpoints, the older of which know no other.
- System blocks are one system message, joined by blank lines; content that is only text is a string: compatible servers
  often take nothing else.
- Reasoning is replayed where a dialect has a place for it: OpenAI has none. What was said beside a call goes back
  there, to whom it came from; opaque blocks of others are left out.
- A tool message has no place for images or for "is an error": images follow in a turn of the user's, and the text of a
  failed tool begins with "Error: ".
- A thinking budget has no field at OpenAI and is left out; prompt caching is automatic.

Source: wire-formats §2.1 and §3 (2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from ...engine.core.json_value import JSONValue
from ...engine.core.messages import Block, ImageBlock, Message, Role, TextBlock, Tool, ToolCall, ToolResult
from ...engine.core.request import InferenceRequest, ToolChoice, ToolChoiceMode
from ...engine.core.usage_error import UsageError
from ..wire.json import write_json
from .beside_calls import extra_of_calls
from .dialect import ChatDialect, Item

_OPENAI = ChatDialect()


def write_chat_body(
    request: InferenceRequest,
    *,
    model: str,
    origin: str,
    ceiling_field: str,
    has_usage: bool,
    dialect: ChatDialect = _OPENAI,
) -> Item:
    """Build the body, without the caller's `extra`. `origin` is whose reasoning may be replayed."""
    body: Item = {"model": model, "messages": write_conversation(request, dialect, origin), "stream": True}
    optional: Item = {
        "stream_options": {"include_usage": True} if has_usage else None,
        ceiling_field: request.max_tokens,
        "temperature": request.temperature,
        "stop": list(request.stop_sequences) or None,
        **dialect.write_thinking(request, model),
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request.tool_choice, dialect.required_word),
    }
    return body | {key: value for key, value in optional.items() if value is not None}


def _tool(tool: Tool) -> JSONValue:
    function: Item = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice | None, required_word: str) -> JSONValue:
    if choice is None:
        return None
    if choice.mode is ToolChoiceMode.TOOL:
        return {"type": "function", "function": {"name": choice.name}}
    return required_word if choice.mode is ToolChoiceMode.REQUIRED else choice.mode.value


def write_conversation(request: InferenceRequest, dialect: ChatDialect = _OPENAI, origin: str = "") -> list[Item]:
    """Write the system text and the turns.

    Raises:
        UsageError: nothing of the turns is left.
    """
    system = "\n\n".join(block.text for block in request.system if block.text)
    turns: list[Item] = []
    for message in request.messages:
        if message.role is Role.ASSISTANT:
            turns.extend(
                turn | dialect.replay_reasoning(request, message, origin)
                for turn in _assistant(message, dialect, origin)
            )
        else:
            turns.extend(_user(message, dialect))
    if not turns:
        raise UsageError("messages holds empty texts only; expected something to answer")
    return [{"role": "system", "content": system}, *turns] if system else turns


def _assistant(message: Message, dialect: ChatDialect, origin: str) -> list[Item]:
    beside = extra_of_calls(message, origin)
    calls: list[JSONValue] = [
        {
            "id": dialect.write_call_id(block.id),
            "type": "function",
            "function": {"name": block.name, "arguments": write_json(block.arguments)},
            **({"extra_content": beside[block.id]} if block.id in beside else {}),
        }
        for block in message.content
        if isinstance(block, ToolCall)
    ]
    if not calls and not message.text:
        return []
    turn: Item = {"role": "assistant", "content": message.text or None}
    return [turn | {"tool_calls": calls} if calls else turn]


def _user(message: Message, dialect: ChatDialect) -> list[Item]:
    results = [block for block in message.content if isinstance(block, ToolResult)]
    images = [part for result in results if not isinstance(result.content, str) for part in result.content]
    parts = _parts([block for block in images if isinstance(block, ImageBlock)]) + _parts(message.content)
    turns = [_tool_message(result, dialect) for result in results]
    if parts:
        turns.append({"role": "user", "content": _less_parts(parts)})
    return turns


def _tool_message(result: ToolResult, dialect: ChatDialect) -> Item:
    content = result.content
    text = content if isinstance(content, str) else "".join(b.text for b in content if isinstance(b, TextBlock))
    return {
        "role": "tool",
        "tool_call_id": dialect.write_call_id(result.tool_call_id),
        "content": f"Error: {text}" if result.is_error else text,
    }


def _parts(blocks: Sequence[Block]) -> list[Item]:
    parts: list[Item] = []
    for block in blocks:
        if isinstance(block, TextBlock) and block.text:
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, ImageBlock):
            parts.append({"type": "image_url", "image_url": {"url": _image_url(block)}})
    return parts


def _less_parts(parts: list[Item]) -> JSONValue:
    """Write one text as a string: many compatible servers take lists only for images, if at all."""
    return parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts


def _image_url(block: ImageBlock) -> str | None:
    if block.data is None:
        return block.url
    return f"data:{block.media_type};base64,{base64.b64encode(block.data).decode('ascii')}"
