"""A request as the body of Gemini's Interactions API: the conversation as steps.

Decisions:
- The whole conversation is sent as `input`; with `previous_interaction_id` in `extra`, give as messages what is new.
- Reasoning goes back as a `thought` step when this model signed it; server-side steps go back as they came, to their
  origin only. Text and images of the model's are one `model_output` step, as long as nothing else comes between.
- Thinking is asked for by level only, for there is no budget here; summaries are asked for with it.
- `extra` is merged deep (`generation_config` holds most of what can be asked for).

Source: wire-formats §5.5; request types of google-genai 3.4.0 (2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

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
from ..gemini.encode import STOP_SEQUENCES_MAX, Item, own_signature
from ..gemini.extra import merge_deep
from ..gemini.models import GeminiFacts
from ..gemini.thinking import asks_for_reasoning, thinking_level
from ..wire.body import check_stream
from ..wire.json import object_at

CONTENT_KINDS = frozenset({"text", "image", "audio", "video", "document"})
"""What may stand in the content of a step."""


def write_interaction_body(
    request: InferenceRequest, *, model: str, origin: str, facts: GeminiFacts, streams: bool = True
) -> Item:
    """Build the body, the caller's `extra` merged into it.

    Raises:
        UsageError: nothing is left of the messages, there are more than five stop sequences, or `extra` says
            otherwise than `streams` whether it is to be a stream.
    """
    check_stream(request.extra, streams=streams)
    steps: list[JSONValue] = [*write_steps(request.messages, origin)]
    tools: list[JSONValue] = [
        {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.input_schema}
        for tool in request.tools
    ]
    optional: Item = {
        "system_instruction": "\n\n".join(block.text for block in request.system if block.text.strip()) or None,
        "tools": tools or None,
        "generation_config": _generation_config(request, facts) or None,
    }
    body: Item = {"model": model.removeprefix("models/"), "input": steps, "stream": True}
    return merge_deep(body | {key: value for key, value in optional.items() if value is not None}, request.extra)


def _generation_config(request: InferenceRequest, facts: GeminiFacts) -> Item:
    stops = list(request.stop_sequences)
    if len(stops) > STOP_SEQUENCES_MAX:
        raise UsageError(f"stop_sequences holds {len(stops)}; Gemini takes at most {STOP_SEQUENCES_MAX}")
    given = object_at(request.extra, "generation_config")
    level = None if "thinking_level" in given else thinking_level(request, facts.levels)
    config: Item = {
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stop_sequences": stops or None,
        "tool_choice": _tool_choice(request.tool_choice),
        "thinking_level": level,
        "thinking_summaries": "auto" if level is not None and asks_for_reasoning(request) else None,
    }
    return {key: value for key, value in config.items() if value is not None}


def _tool_choice(choice: ToolChoice | None) -> JSONValue:
    if choice is None:
        return None
    if choice.mode is ToolChoiceMode.TOOL:
        return {"allowed_tools": {"mode": "any", "tools": [choice.name]}}
    return "any" if choice.mode is ToolChoiceMode.REQUIRED else choice.mode.value


def write_steps(messages: Sequence[Message], origin: str) -> list[Item]:
    """Write the conversation as steps.

    Raises:
        UsageError: nothing is left of it.
    """
    steps: list[Item] = []
    said: list[JSONValue] = []
    role = Role.USER

    def end_step() -> None:
        if said:
            kind = "user_input" if role is Role.USER else "model_output"
            steps.append({"type": kind, "content": list(said)})
            said.clear()

    for message in messages:
        if message.role is not role:
            end_step()
            role = message.role
        for block in message.content:
            if (content := _content(block, origin)) is not None:
                said.append(content)
            elif (step := _step(block, origin)) is not None:
                end_step()
                steps.append(step)
    end_step()
    if not steps:
        raise UsageError("messages holds empty texts only; expected something to answer")
    return steps


def _content(block: Block, origin: str) -> Item | None:
    match block:
        case TextBlock(text) if text:
            return {"type": "text", "text": text}
        case ImageBlock(media_type, None, url):
            return {"type": "image", "mime_type": media_type, "uri": url}
        case ImageBlock(media_type, bytes(data)):
            return {"type": "image", "mime_type": media_type, "data": base64.b64encode(data).decode("ascii")}
        case OpaqueBlock(kind, data) if kind in CONTENT_KINDS and block.origin == origin:
            return dict(data)
        case _:
            return None


def _step(block: Block, origin: str) -> Item | None:
    match block:
        case ToolCall(call_id, name, arguments):
            return {"type": "function_call", "id": call_id, "name": name, "arguments": arguments}
        case ToolResult():
            return _function_result(block, origin)
        case ReasoningBlock(text) if signature := own_signature(block, origin):
            summary: Item = {"summary": [{"type": "text", "text": text}]} if text else {}
            return {"type": "thought", "signature": signature, **summary}
        case OpaqueBlock() if block.origin == origin:
            return dict(block.data)
        case _:
            return None


def _function_result(block: ToolResult, origin: str) -> Item:
    result: JSONValue = block.content if isinstance(block.content, str) else None
    if not isinstance(block.content, str):
        result = [content for part in block.content if (content := _content(part, origin)) is not None]
    step: Item = {"type": "function_result", "call_id": block.tool_call_id, "result": result}
    return step | {"is_error": True} if block.is_error else step
