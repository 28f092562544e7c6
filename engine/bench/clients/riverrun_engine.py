"""riverrun, in all five formats: one engine, one model, its policy with the patience that all clients have."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import trio

from ....providers.anthropic.provider import Anthropic
from ....providers.gemini.provider import Gemini
from ....providers.ollama.provider import Ollama
from ....providers.openai_chat.provider import OpenAIChat
from ....providers.openai_responses.provider import OpenAIResponses
from ...core.clocks import LOADING_FACTOR
from ...core.events import Event, Finished, Interrupted, Resumed, RetryScheduled, StreamReset, ToolCallReady
from ...core.messages import Message, TextBlock, Tool, ToolCall, ToolResult
from ...core.policy import Policy, RetryPolicy, StallPolicy
from ...core.provider import Provider
from ...core.request import InferenceRequest
from ...core.stream_events import ReasoningDelta, TextDelta
from ...engine import Engine

DISTRIBUTION = "riverrun"

PROVIDERS: dict[str, tuple[Callable[..., Provider], str]] = {
    "anthropic": (Anthropic, ""),
    "openai": (OpenAIChat, "/v1"),
    "openai-responses": (OpenAIResponses, "/v1"),
    "gemini": (Gemini, ""),
    "ollama": (Ollama, ""),
}


def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask, and recover as the policy says."""
    return trio.run(_complete, ask, say)


async def _complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    make, path = PROVIDERS[ask["wire"]]
    provider = make(ask["model"], api_key=ask["key"], base_url=ask["base_url"] + path)
    tools = [Tool(tool["name"], tool["description"], tool["parameters"]) for tool in ask["tools"]]
    request = InferenceRequest(_messages(ask), tools=tools, max_tokens=8192)
    async with Engine(provider, policy=_policy(ask)) as engine, engine.open_stream(request) as run:
        async for event in run:
            _tell(event, say)
    return {"stop": run.result.stop_reason.value}


def _messages(ask: dict[str, Any]) -> list[Message]:
    messages = [Message.user(ask["prompt"])]
    for turn in ask["turns"]:
        calls = [ToolCall(call["id"], call["name"], json.loads(call["arguments"])) for call in turn["calls"]]
        results = [ToolResult(call["id"], call["result"]) for call in turn["calls"]]
        text = [TextBlock(turn["text"])] if turn["text"] else []
        messages += [Message.assistant(*text, *calls), Message.tool_results(*results)]
    return messages


def _policy(ask: dict[str, Any]) -> Policy:
    patience_s, most_s = ask["patience_s"], ask["delay_s_max"]
    loads = LOADING_FACTOR if ask["wire"] == "ollama" else 1  # its clocks are stretched: a model may have to be loaded
    return Policy(
        retry=RetryPolicy(
            attempts_max=ask["attempts"],
            rate_limit_attempts_max=ask["attempts"],
            base_delay_s=min(1.0, most_s),
            delay_s_max=most_s,
            rate_limit_base_delay_s=min(5.0, most_s),
            rate_limit_delay_s_max=most_s,
            empty_delay_s_max=most_s,
        ),
        stall=StallPolicy(
            headers_s=patience_s / loads,
            first_event_s=patience_s,
            first_event_s_max=2 * patience_s,
            idle_s=patience_s,
        ),
    )


def _tell(event: Event, say: Callable[..., None]) -> None:
    match event:
        case TextDelta(text):
            say("text", text)
        case ReasoningDelta(text):
            say("reasoning", text)
        case ToolCallReady(call):
            say("call", json.dumps([call.name, json.dumps(call.arguments), call.id]))
        case StreamReset(reason):
            say("reset", reason)
        case Interrupted(cause):
            say("event", f"interrupted: {cause}")
        case RetryScheduled(attempt, _, delay_s):
            say("event", f"attempt {attempt} in {delay_s:.2f} s")
        case Resumed(attempt, _, form, seam):
            say("resume", f"attempt {attempt}, {form.value}, {seam.value}")
        case Finished():
            say("event", "finished")
        case _:
            return
