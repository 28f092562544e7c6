"""A loop of tools: run each call once it is ready, hand the results back, until the model needs no more.

The connection breaks inside the first call's arguments: that call is cancelled, asked for again, and ready once.
"""

from __future__ import annotations

import sys

import trio

import riverrun as rr
from riverrun.testing import WEATHER, Answer, Fault, FaultKind, open_loopback

TOOLS = (
    rr.Tool("read_gauge", "The water level.", {"type": "object", "properties": {"station": {"type": "string"}}}),
    rr.Tool("forecast_wind", "The wind to come.", {"type": "object", "properties": {"place": {"type": "string"}}}),
)
VERDICT = Answer("verdict", "The ferry runs: 3,20 m, and a light breeze. ⛴️\n")
QUICK = rr.Policy(retry=rr.RetryPolicy(base_delay_s=0.1))


def run_tool(call: rr.ToolCall) -> rr.ToolResult:
    known = {"read_gauge": "3,20 m", "forecast_wind": "2 Bft"}
    return rr.ToolResult(call.id, known.get(call.name, "no such tool"), is_error=call.name not in known)


async def ask(engine: rr.Engine, request: rr.InferenceRequest) -> list[rr.Message]:
    """One turn: the assistant's message, and the message with what its calls gave, if it made any."""
    results: list[rr.ToolResult] = []
    async with engine.open_stream(request) as run:
        async for event in run:
            match event:
                case rr.TextDelta(text):
                    print(text, end="", flush=True)
                case rr.ToolCallReady(call):  # whole, closed by the provider, and announced once: safe to run
                    results.append(run_tool(call))
                    print(f"[ran {call.name}: {results[-1].content}]")
                case rr.ToolCallCancel(_, name, reason):
                    print(f"[forget {name}: {reason}]")
                case _:
                    pass
    turn = [run.result.to_message()] if run.result.blocks else []  # a refusal may come without a word
    return turn + ([rr.Message.tool_results(*results)] if results else [])


async def main() -> None:
    # A loopback server has one answer, so here each turn has its own; one engine serves all turns of a real model.
    messages, broken = [rr.Message.user("Does the ferry run tomorrow?")], (Fault(FaultKind.RESET, at=106),)
    async with open_loopback(WEATHER, broken) as first, open_loopback(VERDICT) as second:
        for server in (first, second):
            engine = rr.Engine(rr.Anthropic("claude-sonnet-4-5", base_url=server.anthropic_url), policy=QUICK)
            messages += await ask(engine, rr.InferenceRequest(messages, tools=TOOLS))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    trio.run(main)
