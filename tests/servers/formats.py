"""The wire formats as third-party servers serve them, and one run of the real engine against such a server."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import httpx2
import pytest
import trio
from attrs import frozen

import riverrun as rr
from riverrun.engine.core.provider import Provider, WireRequest
from riverrun.engine.http.client import Client
from riverrun.engine.http.transport import Body, HTTPTransport
from tests.sockets.peers import NO_TLS, SeenHere, consume

TEXT = (
    "Der Fluß trägt, was man ihm gibt — 水は流れる 🌊 and the ferry, half awake, goes over and comes back. "
    "Nobody counts how often; the river does not, and the ferryman lost count in 1974, or so he says. \n\n"
    "Then the fog comes, and then it goes."
)
"""What the servers are told to say: several scripts, a blank line, and no end that looks like an end."""

QUESTION = rr.InferenceRequest([rr.Message.user("Tell me of rivers.")], max_tokens=4000)
RESTARTS_ONLY = rr.Capabilities(forms=())
"""Nothing can be continued: what broke is asked again, word for word."""

PROMPT = rr.RetryPolicy(
    attempts_max=4,
    base_delay_s=0.06,
    delay_s_max=1.0,
    rate_limit_base_delay_s=0.06,
    empty_base_delay_s=0.06,
    stall_delay_s=0.06,
    jitter=rr.Jitter.NONE,
)
"""Backs off as the defaults do, twenty times faster, and without dice."""
AT_ONCE: dict[str, Any] = {"base_delay_s": 0.002, "delay_s_max": 0.01}
"""Where the verdict is not asked for."""
POLICY = rr.Policy(
    retry=PROMPT,
    stall=rr.StallPolicy(connect_s=5.0, headers_s=0.3, first_event_s=0.3, first_event_s_max=0.4, idle_s=0.3),
)


@frozen
class Format:
    """One wire format: its provider's class and module, a model, and where each server serves it."""

    name: str
    module: str
    provider_name: str
    model: str
    llmock: str
    aimock: str
    client: str = "httpx"

    def __str__(self) -> str:
        return self.name

    def find(self) -> Callable[..., Provider] | None:
        """The provider's class, or None while there is none."""
        try:
            module = importlib.import_module(f"riverrun.providers.{self.module}")
        except ModuleNotFoundError:
            return None
        found: Callable[..., Provider] | None = getattr(module, self.provider_name, None)
        return found

    def new_client(self) -> Any:
        kind = httpx.AsyncClient if self.client == "httpx" else httpx2.AsyncClient
        return kind(verify=NO_TLS, trust_env=False)


ALL = (
    Format("chat", "openai_chat", "OpenAIChat", "gpt-4o", "/v1", "/v1", "httpx2"),
    Format("anthropic", "anthropic", "Anthropic", "claude-haiku-4-5", "/anthropic", ""),
    Format("responses", "openai_responses", "OpenAIResponses", "gpt-4o", "/v1", "/v1", "httpx2"),
    Format("gemini", "gemini", "Gemini", "gemini-2.5-flash", "/gemini", ""),
)
FORMATS = tuple(spec for spec in ALL if spec.find() is not None)
every_format = pytest.mark.parametrize("spec", FORMATS, ids=str)


def said_in(body: Mapping[str, Any]) -> str:
    """What a request of any of the formats tells the model that it already said: the last assistant turn's text."""
    kept: list[list[dict[str, Any]]] = [body[key] for key in ("messages", "contents", "input") if key in body]
    turns = kept[0] if kept and isinstance(kept[0], list) else []
    own = [turn for turn in turns if turn.get("role") in ("assistant", "model")]
    return "".join(_texts(own[-1])) if own else ""


def _texts(turn: Mapping[str, Any]) -> Iterator[str]:
    content = turn.get("content", turn.get("parts"))
    for part in [content] if isinstance(content, str) else content or ():
        yield part if isinstance(part, str) else part.get("text", "")


class Prompter:
    """The real transport; before each request goes out, a server that knows no context is told what to say to it."""

    def __init__(self, client: Client, prompt: Callable[[str], object]) -> None:
        self._inner = HTTPTransport(client)
        self._prompt = prompt
        self.said: list[str] = []

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> Body:
        said = said_in(json.loads(wire.body))
        self.said.append(said)
        self._prompt(said)
        return await self._inner.open(wire, connect_s=connect_s)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def ask(
    spec: Format,
    base_url: str,
    *,
    request: rr.InferenceRequest = QUESTION,
    policy: rr.Policy = POLICY,
    prompt: Callable[[str], object] | None = None,
    **options: Any,
) -> SeenHere:
    """One run over real sockets, consumed to its end; `options` are the provider's."""
    make = spec.find()
    assert make is not None

    client = spec.new_client()
    try:
        provider = make(spec.model, base_url=base_url, api_key="k-0123456789", client=client, **options)
        transport = None if prompt is None else Prompter(client, prompt)
        return await consume(rr.Engine(provider, policy=policy, transport=transport), request=request)
    finally:
        with trio.CancelScope(shield=True):
            await client.aclose()


def check_error(seen: SeenHere, kind: type[rr.InferenceError]) -> None:
    """The run ended in one typed error, which holds what was shown."""
    assert isinstance(seen.error, kind)
    assert type(seen.error) is kind
    held = seen.error.snapshot
    assert seen.text == ("" if held is None else held.text)
