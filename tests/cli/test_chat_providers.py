"""`riverrun chat` with every provider there is, over real sockets: after a reset standard output is whole."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from attrs import frozen

from riverrun.engine.testing.wire.formats import wire_of_path
from riverrun.providers.by_name import provider_classes
from riverrun.testing import (
    RIVERS,
    Continuation,
    Fault,
    FaultKind,
    Unit,
    Wire,
    WireCut,
    open_loopback,
    read_continuation,
)
from tests.cli.loopback import Ended, riverrun

pytestmark = pytest.mark.sockets

IN_THE_MIDDLE = {Wire.RESPONSES: 60_000, Wire.GEMINI: 60_000}
"""Where the reset falls, in bytes: inside a character, about a third into the body; 20,000 in the terser formats."""

EVENT_S = 0.001
"""A pause between events, for a reset takes with it what the client has not read yet."""


@frozen
class Peer:
    """A provider as the command names it: its wire format, the end of its base URL, how it says what was said."""

    name: str
    wire: Wire = Wire.OPENAI
    path: str = "/v1"
    by_prefill: bool = False


PEERS = [
    Peer("anthropic/claude-sonnet-4-5", Wire.ANTHROPIC, "", by_prefill=True),
    Peer("anthropic/claude-opus-4-8", Wire.ANTHROPIC, ""),
    Peer("openai/gpt-4.1"),
    Peer("openai-responses/gpt-4.1", Wire.RESPONSES),
    Peer("gemini/gemini-2.5-flash", Wire.GEMINI, "", by_prefill=True),
    Peer("gemini/gemini-3.6-flash", Wire.GEMINI, ""),
    Peer("gemini-interactions/gemini-2.5-flash", Wire.INTERACTIONS, ""),
    Peer("ollama/llama3.2", Wire.OLLAMA, "", by_prefill=True),
    Peer("ollama/qwen3", Wire.OLLAMA, ""),
    Peer("openrouter/anthropic/claude-sonnet-4.5", path="/api/v1", by_prefill=True),
    Peer("grok/grok-3"),
    Peer("deepseek/deepseek-chat", path="", by_prefill=True),
    Peer("mistral/mistral-small-latest", by_prefill=True),
    Peer("groq/llama-3.3-70b-versatile", path="", by_prefill=True),
    Peer("azure/my-deployment", path="/openai/v1"),
    Peer("vllm/any", by_prefill=True),
    Peer("sglang/any", by_prefill=True),
    Peer("llamacpp/any", by_prefill=True),
    Peer("lmstudio/any"),
]


@frozen
class Asked:
    """How the command ended, and what each of its requests said was said."""

    ended: Ended
    continuations: list[Continuation]


async def ask(peer: Peer) -> Asked:
    """Run the command against an honest provider that breaks once."""
    fault = Fault(FaultKind.RESET, IN_THE_MIDDLE.get(peer.wire, 20_000), cut=WireCut(Unit.CHARACTER))
    async with open_loopback(RIVERS, [fault], continues=True, event_s=EVENT_S) as server:
        url = f"http://127.0.0.1:{server.port}{peer.path}"
        command = partial(riverrun, "chat", "-m", peer.name, "--base-url", url, "Tell it.")
        ended = await trio.to_thread.run_sync(command)
    return Asked(ended, [read_continuation(peer.wire, body, continues=True) for body in server.requests])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
async def test_an_answer_that_was_reset_is_whole_on_standard_output(peer: Peer) -> None:
    asked = await ask(peer)
    assert asked.ended.out == RIVERS.text
    assert asked.ended.code == 0
    first, second = asked.continuations
    assert (first, second.is_prefix, second.is_quote) == (Continuation(), peer.by_prefill, not peer.by_prefill)
    assert RIVERS.text.startswith(second.text)
    assert 0 < len(second.text) < len(RIVERS.text)
    assert "resumed: attempt 2" in asked.ended.err


def test_no_provider_is_left_out() -> None:
    assert {peer.name.partition("/")[0] for peer in PEERS} == set(provider_classes())
    assert {peer.wire for peer in PEERS} == set(Wire)
    assert {wire_of_path(wire.path) for wire in Wire} == set(Wire)
