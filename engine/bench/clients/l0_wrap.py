"""L0 (reliable-ai-streams-py) around openai's client, as its README configures it: retries, timeouts, resumption on.

The words are taken from its stream of events, as the README shows.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import l0
import openai

DISTRIBUTION = "reliable-ai-streams-py"


async def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask through the wrapped client, and read its events."""
    patience_ms = int(ask["patience_s"] * 1000)
    plain: Any = openai.AsyncOpenAI(
        base_url=ask["base_url"] + "/v1", api_key=ask["key"], timeout=ask["patience_s"] * 2, max_retries=0
    )
    calls: list[list[str]] = []
    client: Any = l0.wrap(
        plain,
        guardrails=l0.Guardrails.recommended(),
        retry=l0.Retry(attempts=ask["attempts"]),
        timeout=l0.Timeout(initial_token=patience_ms, inter_token=patience_ms),
        continue_from_last_good_token=True,
        on_tool_call=lambda name, id, arguments: calls.append([name, json.dumps(arguments), id]),
        buffer_tool_calls=True,
    )
    tools = {"tools": [{"type": "function", "function": tool} for tool in ask["tools"]]} if ask["tools"] else {}
    response = await client.chat.completions.create(model=ask["model"], messages=ask["messages"], stream=True, **tools)
    async for event in response:
        if event.is_token:
            say("text", event.text)
        elif event.is_error:
            raise event.error
    return {"stop": None, "calls": calls}
