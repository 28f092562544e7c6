"""litellm's Router: retries, a fallback group with the same model, and continuation of a stream that broke switched on.

The model is declared to take an assistant's turn to go on from, which the continuation asks for. Deployments are not
cooled down: there is one model in this world.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its prices from the package: there is no network here

import litellm

DISTRIBUTION = "litellm"

ROUTES = {"openai": ("openai/", "/v1"), "anthropic": ("anthropic/", "")}


async def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask through the router, and read the stream."""
    prefix, path = ROUTES[ask["wire"]]
    names = [f"model-{number}" for number in range(ask["attempts"])]
    parameters = {
        "model": prefix + ask["model"],
        "api_base": ask["base_url"] + path,
        "api_key": ask["key"],
        "stream_timeout": ask["patience_s"],
        "timeout": ask["patience_s"],
    }
    router: Any = litellm.Router(
        model_list=[
            {"model_name": name, "litellm_params": parameters, "model_info": {"supports_assistant_prefill": True}}
            for name in names
        ],
        num_retries=ask["attempts"] - 1,
        fallbacks=[{names[0]: names[1:]}],
        enable_mid_stream_fallback_continuation=True,
        disable_cooldowns=True,
    )
    calls: dict[int, list[str]] = {}
    stop = None
    tools = [{"type": "function", "function": tool} for tool in ask["tools"]] or None
    stream = await router.acompletion(model=names[0], messages=ask["messages"], tools=tools, stream=True)
    async for chunk in stream:
        for choice in chunk.choices:
            if choice.delta.content:
                say("text", choice.delta.content)
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, ["", "", ""])
                for at, value in enumerate((part.function.name, part.function.arguments, part.id)):
                    call[at] += value or ""
            stop = choice.finish_reason or stop
    return {"stop": stop, "calls": list(calls.values())}
