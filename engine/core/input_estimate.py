"""What an attempt's prompt cost where its provider never said: most report it last, which a broken stream never had.

A sibling's report is the best estimate, for it was asked the same question: the nearest before it, else the nearest
after. A run in which nobody reported is estimated by its request. Lines are stored as they were; the estimate is made
when they are read, so that it is as good as what is known then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from attrs import evolve

from .causes import IdleStall
from .messages import ReasoningBlock, TextBlock, Tool, ToolCall, ToolResult
from .planner import Reattach
from .request import InferenceRequest
from .result import AttemptRecord
from .usage import TokenUsage, clamp_tokens, estimate_tokens

_BEFORE_HEADERS = ("resolve", "connect", "pool", "headers")


def with_inputs(lines: Sequence[AttemptRecord], request: InferenceRequest) -> tuple[AttemptRecord, ...]:
    """Return the lines, with the input of each broken attempt that was answered and not told its own. Cost: linear."""
    if not any(map(_is_untold, lines)):
        return tuple(lines)
    told = [line.usage.input for line in lines]
    known = next(filter(None, told), 0) or max(prompt_tokens(request), 1)
    estimated: list[AttemptRecord] = []
    for line in lines:
        known = line.usage.input or known
        estimated.append(_with_input(line, known) if _is_untold(line) else line)
    return tuple(estimated)


def _is_untold(line: AttemptRecord) -> bool:
    """Whether a provider took the prompt, broke off, and never said what it was; one that is read on is told later."""
    if line.cause is None or line.usage.input or isinstance(line.plan, Reattach):
        return False
    is_silent = isinstance(line.cause, IdleStall) and line.cause.clock not in _BEFORE_HEADERS
    return bool(line.bytes_received or line.usage.output or is_silent)


def _with_input(line: AttemptRecord, tokens: int) -> AttemptRecord:
    usage = line.usage
    total = clamp_tokens(max(usage.total, usage.output) + tokens)
    return evolve(line, usage=evolve(usage, input=tokens, total=total), usage_estimated=True)


def total_of(lines: Sequence[AttemptRecord]) -> TokenUsage:
    """Add up what the attempts cost."""
    return sum((line.usage for line in lines), TokenUsage())


def prompt_tokens(request: InferenceRequest) -> int:
    """Estimate a prompt by its text; images are left out, for their tokens do not go by their bytes."""
    texts = [block.text for block in request.system]
    texts += map(text_of_tool, request.tools)
    for message in request.messages:
        for block in message.content:
            match block:
                case TextBlock(text) | ReasoningBlock(text):
                    texts.append(text)
                case ToolCall():
                    texts.append(text_of_call(block))
                case ToolResult(_, str(text)):
                    texts.append(text)
                case ToolResult(_, parts):
                    texts += [part.text for part in parts if isinstance(part, TextBlock)]
                case _:
                    pass
    return sum(map(estimate_tokens, texts))


def text_of_tool(tool: Tool) -> str:
    """Return what a prompt says of a tool."""
    return f"{tool.name}{tool.description}{json.dumps(tool.input_schema, default=str)}"


def text_of_call(call: ToolCall) -> str:
    """Return what a prompt says of a call."""
    return call.name + json.dumps(call.arguments, default=str)
