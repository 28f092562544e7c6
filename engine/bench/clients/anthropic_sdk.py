"""anthropic-sdk-python, as its README shows streaming: `messages.stream`, retries and a timeout of its own."""

# pyright: basic

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic

DISTRIBUTION = "anthropic"


def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask with the client's retries, show the text as it comes, and take the final message."""
    client: Any = anthropic.Anthropic(
        base_url=ask["base_url"],
        api_key=ask["key"],
        timeout=ask["patience_s"],
        max_retries=ask["attempts"] - 1,
    )
    tools = [
        {"name": t["name"], "description": t["description"], "input_schema": t["parameters"]} for t in ask["tools"]
    ]
    with client, client.messages.stream(
        model=ask["model"], max_tokens=8192, messages=ask["messages"], tools=tools
    ) as stream:  # fmt: skip
        for event in stream:
            if event.type == "text":
                say("text", event.text)
            elif event.type == "thinking":
                say("reasoning", event.thinking)
        message = stream.get_final_message()
    calls = [[block.name, json.dumps(block.input), block.id] for block in message.content if block.type == "tool_use"]
    return {"stop": message.stop_reason, "calls": calls}
