"""langchain's chat models with `with_fallbacks`: the same model several times, each with its retries and timeouts."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

DISTRIBUTION = "langchain"


async def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask through the fallbacks, and read the stream."""
    tools = [{"type": "function", "function": tool} for tool in ask["tools"]]
    models = [_model(ask).bind_tools(tools) if tools else _model(ask) for _ in range(ask["attempts"])]
    whole: Any = None
    async for chunk in models[0].with_fallbacks(models[1:]).astream(_messages(ask)):
        if text := str(chunk.text):
            say("text", text)
        whole = chunk if whole is None else whole + chunk
    if whole is None:
        return {"stop": None, "calls": []}
    calls = [[call["name"], json.dumps(call["args"]), call["id"]] for call in whole.tool_calls]
    calls += [[call["name"], call["args"], call["id"]] for call in whole.invalid_tool_calls]
    told = whole.response_metadata
    return {"stop": told.get("finish_reason") or told.get("stop_reason"), "calls": calls}


def _model(ask: dict[str, Any]) -> Any:
    if ask["wire"] == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(
            model=ask["model"], base_url=ask["base_url"], api_key=ask["key"], timeout=ask["patience_s"], max_tokens=8192
        )
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=ask["model"],
        base_url=ask["base_url"] + "/v1",
        api_key=ask["key"],
        timeout=ask["patience_s"],
        stream_chunk_timeout=ask["patience_s"],
    )


def _messages(ask: dict[str, Any]) -> list[Any]:
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    messages: list[Any] = [HumanMessage(ask["prompt"])]
    for turn in ask["turns"]:
        calls = [{"name": c["name"], "args": json.loads(c["arguments"]), "id": c["id"]} for c in turn["calls"]]
        messages.append(AIMessage(turn["text"], tool_calls=calls))
        messages += [ToolMessage(call["result"], tool_call_id=call["id"]) for call in turn["calls"]]
    return messages
