"""Riverrun as it is judged by these tests: one question, the results of calls given back, and a verdict to the letter.

The benchmark's own judge is tested elsewhere; this one is small, and knows one client.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx
from attrs import define, field

import riverrun as rr
from riverrun.engine.bench.faults.fault import BenchFault
from riverrun.engine.bench.profile import Profile
from riverrun.engine.bench.result import Verdict
from riverrun.engine.source import EventSource
from riverrun.errors import InferenceError
from riverrun.testing import Wire

PROVIDERS: dict[Wire, type[Any]] = {
    Wire.ANTHROPIC: rr.Anthropic,
    Wire.OPENAI: rr.OpenAIChat,
    Wire.RESPONSES: rr.OpenAIResponses,
    Wire.GEMINI: rr.Gemini,
    Wire.OLLAMA: rr.Ollama,
}
TOOLS = tuple(rr.Tool(name, "reads it", {"type": "object"}) for name in ("read_gauge", "forecast_wind"))
TURNS_MAX = 4
Source: TypeAlias = EventSource | Any


def policy_of(profile: Profile) -> rr.Policy:
    """The default policy in a profile's timing."""
    patience, scale = profile.patience_s, profile.scale
    return rr.Policy(
        stall=rr.StallPolicy(
            headers_s=patience, first_event_s=patience, first_event_s_max=2 * patience, idle_s=patience
        ),
        retry=rr.RetryPolicy(
            base_delay_s=scale,
            delay_s_max=profile.delay_s_max,
            rate_limit_base_delay_s=5 * scale,
            rate_limit_delay_s_max=profile.delay_s_max,
            empty_base_delay_s=scale / 4,
            empty_delay_s_max=profile.delay_s_max,
        ),
    )


@define
class Got:
    """What the caller was given over all turns."""

    texts: list[str] = field(factory=list[str])
    thoughts: str = ""
    calls: list[tuple[str, Any]] = field(factory=list[tuple[str, Any]])
    is_error: bool = False


def provider_at(wire: Wire, model: str, base_url: str, client: httpx.AsyncClient) -> Any:
    key = {} if wire is Wire.OLLAMA else {"api_key": "none"}
    version = "/v1" if wire in (Wire.OPENAI, Wire.RESPONSES) else ""
    return PROVIDERS[wire](model, base_url=base_url + version, client=client, **key)


async def ask(source: Source, fault: BenchFault, policy: rr.Policy) -> Got:
    """Ask, and give results back until there are no more calls."""
    got, engine = Got(), rr.Engine(source, policy=policy)
    turns = [rr.Message.user("How high is the water?")]
    tools = TOOLS if fault.shape == "calls" else ()
    try:
        for _ in range(TURNS_MAX):
            result = await engine.complete(rr.InferenceRequest(turns, tools=tools))
            got.texts.append(result.text)
            got.thoughts += "".join(block.text for block in result.blocks if isinstance(block, rr.ReasoningBlock))
            got.calls += [(call.name, dict(call.arguments)) for call in result.tool_calls]
            if not result.tool_calls:
                break
            results = [rr.ToolResult(call.id, "done") for call in result.tool_calls]
            turns = [*turns, result.to_message(), rr.Message.tool_results(*results)]
    except InferenceError:
        got.is_error = True
    return got


def verdict_of(got: Got, truth: dict[str, Any]) -> Verdict:
    """Judge what was given against what the server told is the answer."""
    if got.is_error:
        return Verdict.PARTIAL if any(got.texts) else Verdict.CLEAN_ERROR
    calls = [(call["name"], call["arguments"]) for call in truth["calls"]]
    texts = [text for text in (truth["text"], truth["closing"]) if text]
    is_exact = [text for text in got.texts if text] == texts and got.calls == calls
    return Verdict.EXACT if is_exact and got.thoughts == truth["reasoning"] else Verdict.FALSE_SUCCESS


def right_end(fault: BenchFault) -> Verdict:
    return Verdict.CLEAN_ERROR if fault.cannot_win else Verdict.EXACT


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client without TLS: reading the certificates takes longer than a trial."""
    unlimited = httpx.Limits(max_connections=None)
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(verify=no_tls, trust_env=False, limits=unlimited, timeout=60) as client:
        yield client
