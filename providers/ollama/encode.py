"""A request as the body of Ollama's /api/chat.

Decisions:
- Sampling and the ceiling (`num_predict`) are `options`; those of `extra["options"]` are merged over them, and the rest
  of `extra` stands at the top (`format`, `keep_alive`, `truncate`).
- A call's arguments are an object, and a result names its tool as well as its call: older servers know the name only.
- Nothing can force a call here, so that is refused; "none" leaves the tools out.
- Images are bytes in base64: an address is refused, for the server would not fetch it.
- Thoughts of this model's own are sent back on turns with calls, where templates have a place for them.
- A thinking budget has no field; it switches thinking on. Prompt caching is automatic.

Source: wire-formats §6; ollama/ollama docs/api.md, api/types.go (2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.messages import (
    Block,
    ImageBlock,
    Message,
    ReasoningBlock,
    Role,
    TextBlock,
    Tool,
    ToolCall,
    ToolResult,
)
from ...engine.core.request import InferenceRequest, ToolChoiceMode
from ...engine.core.usage_error import UsageError
from ..openai_chat.dialect import Item
from ..wire.json import object_at

_EFFORTS: Mapping[str, JSONValue] = {"none": False, "minimal": "low", "xhigh": "max"}
"""Efforts that Ollama has another word for; it takes low, medium, high and max as they are."""


def write_ollama_body(request: InferenceRequest, *, model: str, origin: str) -> Item:
    """Build the body, without the caller's `extra` but for its `options`. `origin` is whose thoughts are sent back.

    Raises:
        UsageError: a forced call, an image by address, or nothing to answer.
    """
    choice = request.tool_choice
    if choice is not None and choice.is_forced:
        raise UsageError("ollama can not force a call; expected tool_choice 'auto' or 'none', or none at all")
    has_tools = choice is None or choice.mode is not ToolChoiceMode.NONE
    body: Item = {"model": model, "messages": write_turns(request, origin), "stream": True}
    optional: Item = {
        "tools": ([_tool(tool) for tool in request.tools] or None) if has_tools else None,
        "think": write_think(request),
        "options": _options(request) or None,
    }
    return body | {key: value for key, value in optional.items() if value is not None}


def write_think(request: InferenceRequest) -> JSONValue:
    """Say whether to think, or how much; None leaves it to the model."""
    effort = request.reasoning_effort
    if effort is not None:
        return _EFFORTS.get(effort, effort)
    return True if request.reasoning_budget_tokens else None


def _options(request: InferenceRequest) -> JSONObject:
    own: Item = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "stop": list(request.stop_sequences) or None,
    }
    return {**{key: value for key, value in own.items() if value is not None}, **object_at(request.extra, "options")}


def _tool(tool: Tool) -> JSONValue:
    function: Item = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def write_turns(request: InferenceRequest, origin: str) -> list[Item]:
    """Write the system text and the turns.

    Raises:
        UsageError: nothing of the turns is left, or an image has no bytes.
    """
    system = "\n\n".join(block.text for block in request.system if block.text)
    names = {block.id: block.name for turn in request.messages for block in turn.content if isinstance(block, ToolCall)}
    turns: list[Item] = []
    for message in request.messages:
        turns.extend(_assistant(message, origin) if message.role is Role.ASSISTANT else _user(message, names))
    if not turns:
        raise UsageError("messages holds empty texts only; expected something to answer")
    return [{"role": "system", "content": system}, *turns] if system else turns


def _assistant(message: Message, origin: str) -> list[Item]:
    calls: list[JSONValue] = [
        {"id": block.id, "function": {"name": block.name, "arguments": block.arguments}}
        for block in message.content
        if isinstance(block, ToolCall)
    ]
    if not calls and not message.text:
        return []
    turn: Item = {"role": "assistant", "content": message.text}
    thoughts = [block.text for block in message.content if isinstance(block, ReasoningBlock) and block.origin == origin]
    if calls and any(thoughts):
        turn["thinking"] = "".join(thoughts)
    return [turn | {"tool_calls": calls} if calls else turn]


def _user(message: Message, names: Mapping[str, str]) -> list[Item]:
    results = [block for block in message.content if isinstance(block, ToolResult)]
    shown = [part for result in results if not isinstance(result.content, str) for part in result.content]
    images = [*_images(shown), *_images(message.content)]
    turns = [_tool_turn(result, names) for result in results]
    if message.text or images:
        turn: Item = {"role": "user", "content": message.text}
        turns.append(turn | {"images": images} if images else turn)
    return turns


def _tool_turn(result: ToolResult, names: Mapping[str, str]) -> Item:
    content = result.content
    text = content if isinstance(content, str) else "".join(b.text for b in content if isinstance(b, TextBlock))
    turn: Item = {"role": "tool", "content": f"Error: {text}" if result.is_error else text}
    if (name := names.get(result.tool_call_id)) is not None:
        turn["tool_name"] = name
    return turn | {"tool_call_id": result.tool_call_id}


def _images(blocks: Sequence[Block]) -> list[JSONValue]:
    return [_image(block) for block in blocks if isinstance(block, ImageBlock)]


def _image(block: ImageBlock) -> JSONValue:
    if block.data is None:
        raise UsageError("ollama takes images as bytes; expected ImageBlock(data=…) instead of url=")
    return base64.b64encode(block.data).decode("ascii")
