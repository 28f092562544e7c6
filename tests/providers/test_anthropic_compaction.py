"""A compaction of the Messages API is kept whole, and goes back as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from riverrun import Anthropic
from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.continuation import NextRequest, next_request
from riverrun.engine.core.messages import Message, OpaqueBlock
from riverrun.engine.core.planner import plan_recovery
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.stop import StopReason
from tests.providers.fold import decode
from tests.providers.samples import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    message_delta,
    message_start,
    sse,
)

CLAUDE = Anthropic("claude-test", api_key="sk-ant-canary")
ASKED = InferenceRequest([Message.user("Tell me.")])
SUMMARY = {"content": "So far: “Über” 🌍", "encrypted_content": "opaque=="}


def compaction(*deltas: dict[str, Any], **start: Any) -> list[Any]:
    told = [{**block_delta(0, None), "delta": {"type": "compaction_delta", **delta}} for delta in deltas]
    return [block_start(0, "compaction", **{"content": None, **start}), *told, block_stop(0)]


def held_after(*payloads: Any) -> Accumulator:
    decoder, accumulator = CLAUDE.decoder(Limits()), Accumulator(origin=CLAUDE.origin)
    accumulator.begin_attempt()
    for found in decode(decoder, [sse(message_start(), *payloads)]):
        accumulator.fold(found)
    assert (decoder.defect, decoder.ignored.total(), accumulator.defect) == (None, 0, None)
    return accumulator


def data_of(*payloads: Any) -> Any:
    (block,) = held_after(*payloads).blocks()
    assert isinstance(block, OpaqueBlock)
    assert (block.kind, block.origin) == ("compaction", CLAUDE.origin)
    return block.data


@pytest.mark.parametrize(
    ("told", "data"),
    [
        (compaction(SUMMARY), {"content": SUMMARY["content"], "encrypted_content": "opaque=="}),
        (compaction({"content": "So far"}), {"content": "So far"}),
        (compaction({"content": "old"}, SUMMARY), SUMMARY),
        (compaction({"content": None, "encrypted_content": None}), {"content": None, "encrypted_content": None}),
        (compaction(), {"content": None}),
        (compaction(SUMMARY, signature="s", tool_changes=[]), {**SUMMARY, "signature": "s", "tool_changes": []}),
    ],
)
def test_a_compaction_is_put_together_and_kept(told: list[Any], data: dict[str, Any]) -> None:
    assert data_of(*told) == {"type": "compaction", **data}


def test_the_official_library_puts_a_compaction_together_alike() -> None:
    httpx2, library = pytest.importorskip("httpx2"), pytest.importorskip("anthropic")
    body = sse(message_start(), *compaction(SUMMARY), message_delta("compaction"), MESSAGE_STOP)
    headers = {"content-type": "text/event-stream"}
    answering = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers=headers))
    with httpx2.Client(transport=answering) as http, library.Anthropic(api_key="x", http_client=http) as client:
        asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
        with client.beta.messages.stream(**asked) as stream:
            (theirs,) = stream.get_final_message().content
    assert data_of(*compaction(SUMMARY)) == theirs.to_dict()


def test_a_delta_of_a_compaction_in_another_block_is_ignored() -> None:
    strange = {**block_delta(0, None), "delta": {"type": "compaction_delta", **SUMMARY}}
    decoder = CLAUDE.decoder(Limits())
    decode(decoder, [sse(message_start(), block_start(0), strange, block_stop(0))])
    assert (decoder.defect, decoder.ignored.total()) == (None, 1)


def test_a_pause_after_a_compaction_sends_it_back_with_the_next_request() -> None:
    held = held_after(*compaction(SUMMARY), message_delta("compaction"), MESSAGE_STOP)
    assert held.final_stop() == (StopReason.PAUSE_TURN, "compaction")
    asked = evolve(ASKED, messages=(*ASKED.messages, Message.assistant(*held.blocks())))
    assert json.loads(CLAUDE.encode(asked).body)["messages"][1]["content"] == [{"type": "compaction", **SUMMARY}]


def test_an_answer_that_breaks_after_a_compaction_goes_on_with_it() -> None:
    step = step_after(*compaction(SUMMARY), block_start(1), block_delta(1, "Once"))
    assert step.form is ContinuationForm.QUOTE
    turn = json.loads(CLAUDE.encode(step.request, step.form).body)["messages"][1]
    assert turn["content"] == [{"type": "compaction", **SUMMARY}, {"type": "text", "text": "Once"}]


def test_an_answer_that_breaks_right_after_a_compaction_is_asked_for_again() -> None:
    assert step_after(*compaction(SUMMARY)).form is ContinuationForm.RESTART


def step_after(*payloads: Any) -> NextRequest:
    snapshot, able = held_after(*payloads).snapshot(), CLAUDE.capabilities(ASKED)
    step = next_request(ASKED, snapshot, plan_recovery(snapshot, able), able)
    assert isinstance(step, NextRequest)
    return step
