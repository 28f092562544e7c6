"""pydantic-ai's FallbackModel over the same model several times, each with its client's retries and timeout."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic_ai import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPartDelta, ThinkingPartDelta
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.tools import ToolDefinition

DISTRIBUTION = "pydantic-ai-slim"


async def complete(ask: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Ask through the fallbacks, and read the stream."""
    model = FallbackModel(_model(ask), *(_model(ask) for _ in range(ask["attempts"] - 1)))
    tools = [
        ToolDefinition(name=tool["name"], description=tool["description"], parameters_json_schema=tool["parameters"])
        for tool in ask["tools"]
    ]
    parameters = ModelRequestParameters(function_tools=tools)
    async with model_request_stream(model, _messages(ask), model_request_parameters=parameters) as stream:
        async for event in stream:
            _tell(event, say)
        response: Any = stream.get()
    calls = [
        [part.tool_name, part.args if isinstance(part.args, str) else json.dumps(part.args or {}), part.tool_call_id]
        for part in response.parts
        if isinstance(part, ToolCallPart)
    ]
    return {"stop": response.finish_reason, "calls": calls}


def _model(ask: dict[str, Any]) -> Any:
    client: Any
    if ask["wire"] == "anthropic":
        from anthropic import AsyncAnthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = AsyncAnthropic(base_url=ask["base_url"], api_key=ask["key"], timeout=ask["patience_s"])
        return AnthropicModel(ask["model"], provider=AnthropicProvider(anthropic_client=client))
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(base_url=ask["base_url"] + "/v1", api_key=ask["key"], timeout=ask["patience_s"])
    return OpenAIChatModel(ask["model"], provider=OpenAIProvider(openai_client=client))


def _messages(ask: dict[str, Any]) -> list[Any]:
    messages: list[Any] = [ModelRequest.user_text_prompt(ask["prompt"])]
    for turn in ask["turns"]:
        calls = [ToolCallPart(call["name"], call["arguments"], call["id"]) for call in turn["calls"]]
        results = [ToolReturnPart(call["name"], call["result"], call["id"]) for call in turn["calls"]]
        messages += [ModelResponse([TextPart(turn["text"]), *calls]), ModelRequest(results)]
    return messages


def _tell(event: Any, say: Callable[..., None]) -> None:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        say("text", event.part.content)
    elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        say("text", event.delta.content_delta)
    elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, ThinkingPartDelta):
        say("reasoning", event.delta.content_delta or "")
