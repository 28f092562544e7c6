"""A collected answer as stream events again: what an executor that only knows whole answers gives the engine.

Empty text is skipped, arguments are one delta, usage and stop come last.
"""

from __future__ import annotations

import json

from attrs import asdict

from .messages import AnswerBlock, OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from .result import StreamResult
from .stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from .usage import NO_USAGE, UsageReport


def replay_events(result: StreamResult) -> tuple[StreamEvent, ...]:
    """Return events whose fold is the result again. Usage that no provider reported is not made up: it is left out."""
    events = [event for block in result.blocks for event in block_events(block)]
    if result.usage != NO_USAGE and not any(attempt.usage_estimated for attempt in result.attempts):
        events.append(UsageReport(**asdict(result.usage), service_tier=result.service_tier))
    events.append(StopReported(result.stop_reason, result.stop_word or result.stop_reason.value))
    return tuple(events)


def block_events(block: AnswerBlock) -> tuple[StreamEvent, ...]:
    """Return the events that build one block."""
    match block:
        case TextBlock(text):
            return (TextDelta(text), BlockStop()) if text else ()
        case ReasoningBlock(redacted=str(data)):
            return (RedactedReasoning(data),)
        case ReasoningBlock(text, signature):
            said: tuple[StreamEvent, ...] = (ReasoningDelta(text),) if text else ()
            signed: tuple[StreamEvent, ...] = (ReasoningSignature(signature),) if signature is not None else ()
            return (*said, *signed, BlockStop(came_as=block.came_as)) if said or signed else ()
        case ToolCall(call_id, name, arguments):
            delta = ToolCallDelta(call_id, json.dumps(arguments, separators=(",", ":")))
            return (ToolCallStart(call_id, name), delta, BlockStop(call_id))
        case OpaqueBlock():
            return (OpaqueBlockReceived(block, closes_server_tool=True),)
