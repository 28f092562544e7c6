"""The request of a recording without content: what stands in for it says nothing but how large each part was.

Sizes stay, for a prompt that no provider counted is estimated by its request, in the run and in its replay alike.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from ..core.input_estimate import text_of_call, text_of_tool
from ..core.messages import (
    Block,
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    Tool,
    ToolCall,
    ToolResult,
)
from ..core.request import InferenceRequest, ToolChoice


def shaped_request(request: InferenceRequest) -> InferenceRequest:
    """Return a request of the same shape and size, in which no word and no name is left."""
    names = {tool.name: f"tool{number}" for number, tool in enumerate(request.tools)}
    ids = _CallIds()
    choice = request.tool_choice
    if choice is not None and choice.name is not None:
        choice = ToolChoice.tool(names[choice.name])
    return evolve(
        request,
        messages=[
            Message(message.role, tuple(_shaped_block(block, names, ids) for block in message.content))
            for message in request.messages
        ],
        system=[_blank(block.text) for block in request.system],
        tools=[_shaped_tool(tool, names[tool.name]) for tool in request.tools],
        tool_choice=choice,
        stop_sequences=[_blank(text) for text in request.stop_sequences],
        extra={},
    )


def _shaped_tool(tool: Tool, name: str) -> Tool:
    made = Tool(name, "", {"type": "object"})
    return evolve(made, description="x" * (_size(text_of_tool(tool)) - _size(text_of_tool(made))))


def _shaped_call(call: ToolCall, made: ToolCall) -> ToolCall:
    filled = evolve(made, arguments={"x": ""})
    missing = _size(text_of_call(call)) - _size(text_of_call(filled))
    return made if missing < 0 else evolve(made, arguments={"x": "x" * missing})


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _blank(text: str) -> str:
    """Nothing of a prompt is needed but its size: not its words' lengths either."""
    return "x" * _size(text)


class _CallIds(dict[str, str]):
    """Ids of calls by the ones they had: a call and its result stay a pair, and the id may be the caller's own."""

    def __missing__(self, call_id: str) -> str:
        return self.setdefault(call_id, f"call{len(self)}")


def _shaped_block(block: Block, names: Mapping[str, str], ids: Mapping[str, str]) -> Block:
    match block:
        case TextBlock(text):
            return TextBlock(_blank(text))
        case ReasoningBlock(text):
            return ReasoningBlock(_blank(text))
        case ImageBlock(media_type):
            return ImageBlock(media_type, b"\0")
        case ToolCall(call_id, name):
            return _shaped_call(block, ToolCall(ids[call_id], names.get(name, "tool"), {}))
        case ToolResult(call_id, content, is_error):
            return ToolResult(ids[call_id], _blank(content) if isinstance(content, str) else "", is_error)
        case OpaqueBlock(kind, _, origin):
            return OpaqueBlock(kind, {}, origin)
