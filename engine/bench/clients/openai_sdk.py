"""openai-python, as its README shows streaming: retries and a timeout of its own; Chat Completions and Responses."""

# pyright: basic

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai

DISTRIBUTION = "openai"


def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask with the client's retries, and read the stream."""
    client: Any = openai.OpenAI(
        base_url=ask["base_url"] + "/v1",
        api_key=ask["key"],
        timeout=ask["patience_s"],
        max_retries=ask["attempts"] - 1,
    )
    with client:
        return (_responses if ask["wire"] == "openai-responses" else _chat)(client, ask, say)


def _chat(client: Any, ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    calls: dict[int, list[str]] = {}
    stop = None
    tools = [{"type": "function", "function": tool} for tool in ask["tools"]]
    for chunk in client.chat.completions.create(
        model=ask["model"], messages=ask["messages"], tools=tools, stream=True, stream_options={"include_usage": True}
    ):
        for choice in chunk.choices:
            if choice.delta.content:
                say("text", choice.delta.content)
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, ["", "", ""])
                for at, value in enumerate((part.function.name, part.function.arguments, part.id)):
                    call[at] += value or ""
            stop = choice.finish_reason or stop
    return {"stop": stop, "calls": list(calls.values())}


def _responses(client: Any, ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    calls: list[list[str]] = []
    stop = None
    tools = [{"type": "function", **tool} for tool in ask["tools"]]
    for event in client.responses.create(model=ask["model"], input=ask["messages"], tools=tools, stream=True):
        if event.type == "response.output_text.delta":
            say("text", event.delta)
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            calls.append([event.item.name, event.item.arguments, event.item.call_id])
        elif event.type in ("response.completed", "response.incomplete"):
            stop = event.response.status
        elif event.type in ("error", "response.failed"):
            raise RuntimeError(str(event))
    return {"stop": stop, "calls": calls}
