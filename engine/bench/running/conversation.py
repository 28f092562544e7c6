"""A trial's conversation as each format writes it: the prompt, and turns of calls with their results. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from attrs import frozen

from ...core.json_value import JSONObject
from ...testing.wire.formats import Wire

PROMPT = "Please answer as you always do, in full."

_STATION: JSONObject = {"type": "object", "properties": {"station": {"type": "string"}}}
TOOLS: tuple[JSONObject, ...] = (
    {"name": "read_gauge", "description": "The water level at a station.", "parameters": _STATION},
    {
        "name": "forecast_wind",
        "description": "The wind at a place.",
        "parameters": {"type": "object", "properties": {}},
    },
)
"""What every client offers: the tools that the server's answers call."""


@frozen
class Called:
    """A call that was made, and its result."""

    id: str
    name: str
    arguments: str
    result: str = "done"


@frozen
class Turn:
    """What the model said in one answer, whose calls were run."""

    text: str
    calls: tuple[Called, ...]


def messages_of(wire: Wire, turns: Sequence[Turn]) -> list[JSONObject]:
    """Return the messages of a conversation: the prompt, and what was said and run since."""
    user = _GEMINI_PROMPT if wire is Wire.GEMINI else {"role": "user", "content": PROMPT}
    write = {
        Wire.ANTHROPIC: _anthropic, Wire.OPENAI: _openai, Wire.RESPONSES: _responses,
        Wire.GEMINI: _gemini, Wire.OLLAMA: _ollama,
    }[wire]  # fmt: skip
    return [user, *(message for turn in turns for message in write(turn))]


_GEMINI_PROMPT: JSONObject = {"role": "user", "parts": [{"text": PROMPT}]}


def _anthropic(turn: Turn) -> list[JSONObject]:
    said: list[JSONObject] = [{"type": "text", "text": turn.text}] if turn.text else []
    uses: list[JSONObject] = [
        {"type": "tool_use", "id": c.id, "name": c.name, "input": json.loads(c.arguments)} for c in turn.calls
    ]
    results: list[JSONObject] = [
        {"type": "tool_result", "tool_use_id": call.id, "content": call.result} for call in turn.calls
    ]
    return [{"role": "assistant", "content": [*said, *uses]}, {"role": "user", "content": results}]


def _openai(turn: Turn) -> list[JSONObject]:
    calls: list[JSONObject] = [
        {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
        for call in turn.calls
    ]
    results: list[JSONObject] = [
        {"role": "tool", "tool_call_id": call.id, "content": call.result} for call in turn.calls
    ]
    return [{"role": "assistant", "content": turn.text or None, "tool_calls": calls}, *results]


def _responses(turn: Turn) -> list[JSONObject]:
    said: list[JSONObject] = [{"role": "assistant", "content": turn.text}] if turn.text else []
    calls: list[JSONObject] = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in turn.calls
    ]
    results: list[JSONObject] = [
        {"type": "function_call_output", "call_id": call.id, "output": call.result} for call in turn.calls
    ]
    return [*said, *calls, *results]


def _gemini(turn: Turn) -> list[JSONObject]:
    said: list[JSONObject] = [{"text": turn.text}] if turn.text else []
    calls: list[JSONObject] = [
        {"functionCall": {"name": call.name, "args": json.loads(call.arguments)}} for call in turn.calls
    ]
    results: list[JSONObject] = [
        {"functionResponse": {"name": c.name, "response": {"result": c.result}}} for c in turn.calls
    ]
    return [{"role": "model", "parts": [*said, *calls]}, {"role": "user", "parts": results}]


def _ollama(turn: Turn) -> list[JSONObject]:
    calls: list[JSONObject] = [
        {"function": {"name": call.name, "arguments": json.loads(call.arguments)}} for call in turn.calls
    ]
    results: list[JSONObject] = [
        {"role": "tool", "tool_name": call.name, "content": call.result} for call in turn.calls
    ]
    return [{"role": "assistant", "content": turn.text, "tool_calls": calls}, *results]


def ask_of(
    *,
    base_url: str,
    wire: Wire,
    model: str,
    turns: Sequence[Turn],
    limits: Mapping[str, float],
    attempts: int,
    key: str,
) -> dict[str, object]:
    """Return what an adapter is asked; see `clients.worker`."""
    return {
        "base_url": base_url, "wire": wire.value, "model": model, "prompt": PROMPT,
        "messages": messages_of(wire, turns), "tools": [dict(tool) for tool in TOOLS], "key": key,
        "turns": [
            {"text": turn.text, "calls": [
                {"id": call.id, "name": call.name, "arguments": call.arguments, "result": call.result}
                for call in turn.calls
            ]}
            for turn in turns
        ],
        "attempts": attempts, **limits,
    }  # fmt: skip
