"""A request as the body of Gemini's streamGenerateContent.

Decisions:
- Turns of one role that follow each other are merged, for a call's results must be the very next turn. In it results
  come first, in the order of the calls, then their images (a result has no place for one that all models take), then
  the rest.
- A result is tied to its call by name and order, and by id where the provider gave one; an id that we made up stays
  ours. Its text is `output`, or `error`, the two keys that the API gives a meaning to.
- Of reasoning only signatures go back, and only to this provider and model: onto the call that they directly precede;
  onto their own thought; else as a part with an empty text, as they came. So text that was signed is never merged with
  text that was not.
- From Gemini 3 on the first call of a turn must be signed. One that can not be (it is another model's) says so with the
  word that the documentation has for that.
- A ceiling counts thoughts too. No ceiling is no field: the model has its own.

Source: wire-formats §5.1, §5.2 and §5.4; ai.google.dev/gemini-api/docs/function-calling and /docs/thought-signatures
(2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeAlias

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
from ..wire.json import object_at
from .extra import check_generate_extra, merge_deep
from .models import GeminiFacts
from .thinking import asks_for_reasoning, thinking_budget, thinking_level
from .tool_calls import MADE_UP_PREFIX

STOP_SEQUENCES_MAX = 5

UNSIGNED = "skip_thought_signature_validator"
"""What stands where a signature must and none can be (ai.google.dev/gemini-api/docs/thought-signatures, 2026-11)."""

_MODES = {ToolChoiceMode.AUTO: "AUTO", ToolChoiceMode.NONE: "NONE"}

Item: TypeAlias = dict[str, JSONValue]


def write_generate_body(request: InferenceRequest, *, origin: str, facts: GeminiFacts) -> Item:
    """Build the body, the caller's `extra` merged into it.

    Raises:
        UsageError: nothing is left of the messages, a result answers no call, there are more than five stop sequences,
            or `extra` asks for what can not be streamed as one answer.
    """
    check_generate_extra(request.extra)
    system: list[JSONValue] = [{"text": block.text} for block in request.system if block.text.strip()]
    tools: list[JSONValue] = [
        {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.input_schema}
        for tool in request.tools
    ]
    contents: list[JSONValue] = [*write_contents(request.messages, origin, signs_calls=facts.signs_calls)]
    optional: Item = {
        "systemInstruction": {"parts": system} if system else None,
        "tools": [{"functionDeclarations": tools}] if tools else None,
        "toolConfig": _tool_config(request.tool_choice),
        "generationConfig": _generation_config(request, facts) or None,
    }
    body = {"contents": contents} | {key: value for key, value in optional.items() if value is not None}
    return merge_deep(body, request.extra)


def _tool_config(choice: ToolChoice | None) -> JSONValue:
    if choice is None:
        return None
    calling: Item = {"mode": _MODES.get(choice.mode, "ANY")}
    if choice.name is not None:
        calling["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": calling}


def _generation_config(request: InferenceRequest, facts: GeminiFacts) -> Item:
    stops = list(request.stop_sequences)
    if len(stops) > STOP_SEQUENCES_MAX:
        raise UsageError(f"stop_sequences holds {len(stops)}; Gemini takes at most {STOP_SEQUENCES_MAX}")
    config: Item = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "stopSequences": stops or None,
        "thinkingConfig": _thinking_config(request, facts) or None,
    }
    return {key: value for key, value in config.items() if value is not None}


def _thinking_config(request: InferenceRequest, facts: GeminiFacts) -> Item:
    if "thinkingConfig" in object_at(request.extra, "generationConfig"):
        return {}  # the caller's own stands alone: a budget beside a level would be a 400
    config: Item = {}
    if facts.budgets is not None:
        config["thinkingBudget"] = thinking_budget(request, facts)
    elif (level := thinking_level(request, facts.levels)) is not None:
        config["thinkingLevel"] = level.upper()
    config = {key: value for key, value in config.items() if value is not None}
    if config and asks_for_reasoning(request):
        config["includeThoughts"] = True
    return config


class _Calls:
    """The calls that were seen so far: what a result of theirs is called, and where it stands among others."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def note(self, call: ToolCall) -> None:
        self._found[call.id] = (len(self._found), call.name)

    def find(self, result: ToolResult) -> tuple[int, str]:
        if result.tool_call_id not in self._found:
            raise UsageError(
                f"a ToolResult answers {result.tool_call_id!r}, which is no call of this conversation; expected the "
                "message with its ToolCall before it: Gemini ties results to calls by name"
            )
        return self._found[result.tool_call_id]


def write_contents(messages: Sequence[Message], origin: str, *, signs_calls: bool) -> list[Item]:
    """Write the conversation: turns of alternating roles, none of them empty.

    Raises:
        UsageError: nothing is left of it, or a result answers no call.
    """
    calls = _Calls()
    turns: list[tuple[Role, list[Block]]] = []
    for message in messages:
        blocks = [block for block in message.content if not (isinstance(block, TextBlock) and not block.text)]
        if turns and turns[-1][0] is message.role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((message.role, blocks))
    contents: list[Item] = []
    for role, blocks in turns:
        is_user = role is Role.USER
        parts = _user_parts(blocks, calls) if is_user else _model_parts(blocks, calls, origin, signs_calls=signs_calls)
        if parts:
            contents.append({"role": "user" if is_user else "model", "parts": parts})
    if not contents:
        raise UsageError("messages holds empty texts only; expected something to answer")
    return contents


def _user_parts(blocks: Sequence[Block], calls: _Calls) -> list[Item]:
    results = [block for block in blocks if isinstance(block, ToolResult)]
    found = sorted(((*calls.find(result), result) for result in results), key=lambda one: one[0])
    parts = [_function_response(result, name) for _, name, result in found]
    for _, _, result in found:
        if not isinstance(result.content, str):
            parts += [_image(part) for part in result.content if isinstance(part, ImageBlock)]
    for block in blocks:
        if isinstance(block, TextBlock):
            parts.append({"text": block.text})
        elif isinstance(block, ImageBlock):
            parts.append(_image(block))
    return parts


def _function_response(result: ToolResult, name: str) -> Item:
    content = result.content
    text = content if isinstance(content, str) else "".join(b.text for b in content if isinstance(b, TextBlock))
    response: Item = {"name": name, "response": {"error" if result.is_error else "output": text}}
    return {"functionResponse": _with_id(response, result.tool_call_id)}


def _with_id(item: Item, call_id: str) -> Item:
    return item if call_id.startswith(MADE_UP_PREFIX) else {"id": call_id, **item}


def _image(block: ImageBlock) -> Item:
    if block.data is None:
        return {"fileData": {"mimeType": block.media_type, "fileUri": block.url}}
    return {"inlineData": {"mimeType": block.media_type, "data": base64.b64encode(block.data).decode("ascii")}}


def _model_parts(blocks: Sequence[Block], calls: _Calls, origin: str, *, signs_calls: bool) -> list[Item]:
    parts: list[Item] = []
    needs_signature = signs_calls
    for before, block, after in zip([None, *blocks[:-1]], blocks, [*blocks[1:], None], strict=True):
        is_for_call = isinstance(after, ToolCall)
        match block:
            case TextBlock(text):
                parts.append({"text": text})
            case ImageBlock():
                parts.append(_image(block))
            case ReasoningBlock(text) if (signature := own_signature(block, origin)) and not is_for_call:
                parts.append({"text": text, **({"thought": True} if text else {}), "thoughtSignature": signature})
            case ToolCall():
                calls.note(block)
                signature = own_signature(before, origin) or (UNSIGNED if needs_signature else "")
                parts.append(_function_call(block, signature))
                needs_signature = False
            case OpaqueBlock() if block.origin == origin:
                parts.append(dict(block.data))
            case _:
                pass  # unsigned thoughts, and what only another provider understands
    return parts


def own_signature(block: Block | None, origin: str) -> str:
    """Return the signature of a reasoning block that this origin signed; "" for any other block."""
    return (block.signature or "") if isinstance(block, ReasoningBlock) and block.origin == origin else ""


def _function_call(call: ToolCall, signature: str) -> Item:
    part: Item = {"functionCall": _with_id({"name": call.name, "args": call.arguments}, call.id)}
    return part | {"thoughtSignature": signature} if signature else part
