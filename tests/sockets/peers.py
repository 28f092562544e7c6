"""Both wire formats through each HTTP client, and the engine's runs as a consumer on a real socket sees them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import httpx2
import pytest
import trio
from attrs import define, evolve, field, frozen

import riverrun as rr
from riverrun.engine.core.provider import Provider
from riverrun.testing import Loopback, Wire, read_continuation
from tests.law_runs import Seen

QUESTION = rr.InferenceRequest([rr.Message.user("Tell me of rivers.")], max_tokens=100_000)
CANARY = "sk-canary-5f1d7a90b3e24c68"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # an empty one: reading the CA bundle takes longer than the tests

QUICK = rr.RetryPolicy(
    attempts_max=8, base_delay_s=0.002, delay_s_max=0.01, rate_limit_base_delay_s=0.002, stall_delay_s=0.002
)
SHORT_S = 0.3
PATIENT = rr.StallPolicy(connect_s=15.0, headers_s=15.0, first_event_s=15.0, first_event_s_max=15.0, idle_s=15.0)
"""Clocks that must not fire, however busy the machine; below a test's limit, so that one that does is told by name."""


def impatient(*clocks: str, attempts_max: int = QUICK.attempts_max) -> rr.Policy:
    """Retry at once, and wait a third of a second for what is named: only clocks that have to fire are short."""
    short: dict[str, Any] = dict.fromkeys(clocks, SHORT_S)
    return rr.Policy(retry=evolve(QUICK, attempts_max=attempts_max), stall=evolve(PATIENT, **short))


SLOW = rr.Policy(retry=QUICK)
"""Retries at once; the clocks are the defaults, so that a busy machine is not a stall."""
ONCE = impatient(attempts_max=1)
SILENCES = ("first_event_s", "first_event_s_max", "idle_s")
"""The clocks that end a silence after the headers."""


CLAUDE = "claude-sonnet-4-5"  # takes a prefill
ECHOING = rr.Capabilities(forms=(rr.ContinuationForm.PREFILL,), prefix_trailing_space=False, echoes=True)


def new_httpx(**options: Any) -> object:
    return httpx.AsyncClient(verify=NO_TLS, trust_env=False, **options)


def new_httpx2(**options: Any) -> object:
    return httpx2.AsyncClient(verify=NO_TLS, trust_env=False, **options)


CLIENTS: dict[str, Callable[..., object]] = {"own": lambda **_: None, "httpx": new_httpx, "httpx2": new_httpx2}


@frozen
class Peer:
    """One wire format through one client; `repeats` declares a model that may say things again after a prefill."""

    wire: Wire
    client: str
    repeats: bool = False

    def __str__(self) -> str:
        return f"{self.wire.value}-{self.client}"

    def provider(self, port: int, *, key: str | None = CANARY, client: object | None = None) -> Provider:
        origin = f"http://127.0.0.1:{port}"
        if self.wire is Wire.ANTHROPIC:
            declared = ECHOING if self.repeats else None
            return rr.Anthropic(CLAUDE, base_url=origin, api_key=key, client=client, capabilities=declared)
        return rr.OpenAIChat("gpt-4o", base_url=f"{origin}/v1", api_key=key, client=client)

    def engine(self, port: int, policy: rr.Policy = SLOW, **options: Any) -> PeerEngine:
        return PeerEngine(self, port, policy, options)


class PeerEngine:
    """An engine of a peer's; its client, if it is the caller's, is closed when the block is left."""

    def __init__(self, peer: Peer, port: int, policy: rr.Policy, options: dict[str, Any]) -> None:
        client_options = options.pop("client_options", {})
        self._client = CLIENTS[peer.client](**client_options)
        self._engine = rr.Engine(peer.provider(port, client=self._client), policy=policy, **options)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> rr.Engine:
        if self._client is not None:
            await self._stack.enter_async_context(self._client)  # type: ignore[arg-type]
        return self._engine

    async def __aexit__(self, *exit_info: object) -> None:
        with trio.CancelScope(shield=True):
            await self._stack.aclose()


WIRES = (Wire.ANTHROPIC, Wire.OPENAI)
PEERS = [Peer(wire, client) for wire in WIRES for client in CLIENTS]
ONE_OF_EACH = [Peer(Wire.ANTHROPIC, "httpx"), Peer(Wire.OPENAI, "httpx2"), Peer(Wire.ANTHROPIC, "own")]
"""Each client and each wire format at least once, where their product would say nothing more."""

every_peer = pytest.mark.parametrize("peer", PEERS, ids=str)
some_peers = pytest.mark.parametrize("peer", ONE_OF_EACH, ids=str)


@define
class SeenHere(Seen):
    """What was seen, with what had been shown each time another request was about to be made."""

    shown_at_retry: list[str] = field(factory=list)

    def take(self, event: rr.Event) -> None:
        super().take(event)
        if isinstance(event, rr.RetryScheduled):
            self.shown_at_retry.append(self.text)


async def consume(engine: rr.Engine, run_id: str | None = None, request: rr.InferenceRequest = QUESTION) -> SeenHere:
    """Consume a run to its end; an InferenceError is its end too, and anything else is not."""
    seen = SeenHere()
    async with engine.open_stream(request, run_id=run_id) as run:
        try:
            async for event in run:
                seen.take(event)
        except rr.InferenceError as error:
            seen.error = error
    if seen.error is None:
        seen.result = run.result
    return seen


async def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Wait for something the other side of a socket does."""
    with trio.fail_after(limit_s):
        while not condition():  # noqa: ASYNC110 - the other side of a socket has no event for it
            await trio.sleep(0.002)


def told(server: Loopback, wire: Wire) -> list[str]:
    """What each request said was said."""
    return [read_continuation(wire, body).text for body in server.requests]


def check_whole(seen: SeenHere, text: str) -> None:
    """Shown = result = the answer."""
    assert seen.error is None
    assert seen.result is not None
    assert seen.text == text
    assert seen.result.text == text
