"""An independent fold of stream events, for tests only: what a reader would have at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from riverrun.engine.core import stream_events as events
from riverrun.engine.core.usage import TokenUsage, UsageReport, apply_report


@dataclass
class Call:
    id: str
    name: str
    fragments: list[str] = field(default_factory=list)
    end: str = "open"

    @property
    def arguments(self) -> Any:
        """What the fragments parse to; None while they do not."""
        text = "".join(self.fragments)
        try:
            return json.loads(text) if text else {}
        except ValueError:
            return None


@dataclass
class Answer:
    text: str = ""
    reasoning: str = ""
    calls: dict[str, Call] = field(default_factory=dict)
    signatures: list[str] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    opaque: list[events.OpaqueBlockReceived] = field(default_factory=list)
    server_tools: list[str] = field(default_factory=list)
    response_id: str | None = None
    model: str | None = None
    stop: events.StopReported | None = None
    failure: Any = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    pings: int = 0


def fold(stream: Any) -> Answer:
    answer = Answer()
    for event in stream:
        match event:
            case events.TextDelta(text):
                answer.text += text
            case events.ReasoningDelta(text):
                answer.reasoning += text
            case events.ToolCallStart(call_id, name):
                assert call_id not in answer.calls
                answer.calls[call_id] = Call(call_id, name)
            case events.ToolCallDelta(call_id, fragment):
                assert answer.calls[call_id].end == "open"
                answer.calls[call_id].fragments.append(fragment)
            case events.BlockStop(str(call_id), voided=str()):
                assert not answer.calls.pop(call_id).fragments
            case events.BlockStop(str(call_id), is_cut):
                assert answer.calls[call_id].end == "open"
                answer.calls[call_id].end = "cut" if is_cut else "closed"
            case events.AnswerRestarted():
                answer = Answer()
            case events.ResponseStarted(response_id, model):
                answer.response_id, answer.model = response_id, model
            case events.ReasoningSignature(signature):
                answer.signatures.append(signature)
            case events.RedactedReasoning(data):
                answer.redacted.append(data)
            case events.OpaqueBlockReceived():
                answer.opaque.append(event)
            case events.ServerToolStarted(name):
                answer.server_tools.append(name)
            case UsageReport():
                answer.usage, _ = apply_report(answer.usage, event)
            case events.StopReported():
                answer.stop = event
            case events.StreamFailed(failure):
                answer.failure = failure
            case events.KeepAlive():
                answer.pings += 1
            case _:
                pass
    return answer


def decode(decoder: Any, chunks: Any) -> list[Any]:
    """All events of a response that came in these chunks."""
    found = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*found, *decoder.close()]
