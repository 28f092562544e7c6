"""Items that only the end of a Responses stream tells of: each is said then, and nothing is said twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.messages import AnswerBlock, OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import CursorMoved
from riverrun.providers.openai_responses.provider import OpenAIResponses
from tests.providers.fold import decode
from tests.providers.openai_responses_samples import (
    ORIGIN,
    added,
    args,
    call_added,
    call_done,
    custom_done,
    done,
    ended,
    escaped,
    events_of,
    held_after,
    lifecycle,
    message_done,
    numbered,
    reasoning_done,
    summary,
    text,
)

CUT = {"incomplete_details": {"reason": "max_output_tokens"}}
LOOK = ToolCall("call_a", "look", {"a": 1})
REFUSED = done(1, "message", content=[{"type": "refusal", "refusal": "No."}])


def output(*finished: dict[str, Any], **ids: str) -> list[Any]:
    """The items of done events, as the end tells them; `ids` replace theirs."""
    return [{**told["item"], **{key: f"{value}_{at}" for key, value in ids.items() if key in told["item"]}}
            for at, told in enumerate(finished)]  # fmt: skip


def blocks_of(*told: Any, end: str = "completed", **fields: Any) -> tuple[AnswerBlock, ...]:
    return held_after(*told, ended(end, **fields)).blocks()


SAID = [added(0), text(0, "Once"), message_done(0, "Once")]
UNTOLD: dict[str, tuple[dict[str, Any], Any]] = {
    "a message": (message_done(1, "more"), TextBlock("more")),
    "a refusal": (REFUSED, TextBlock("No.")),
    "reasoning": (reasoning_done(1, "Hm."), ReasoningBlock("Hm.", origin=ORIGIN)),
    "a call": (call_done(1, '{"a":1}'), LOOK),
    "a custom call": (custom_done(1, "free"), ToolCall("call_c", "write", {"input": "free"})),
}  # fmt: skip
every_untold = pytest.mark.parametrize("name", UNTOLD)


@every_untold
@pytest.mark.parametrize("end", ["completed", "incomplete"])
def test_an_item_that_no_event_named_is_said_at_the_end(name: str, end: str) -> None:
    item, block = UNTOLD[name]
    assert blocks_of(*SAID, end=end, output=output(SAID[-1], item)) == (TextBlock("Once"), block)
    assert blocks_of(*SAID[:2], end=end, output=output(SAID[-1], item)) == (TextBlock("Once"), block)


@every_untold
def test_an_item_before_what_was_streamed_is_said_too(name: str) -> None:
    item, block = UNTOLD[name]
    streamed = [added(1), text(1, "Once"), message_done(1, "Once")]
    first = {**item, "item": {**item["item"], "id": "item_0"}}
    assert blocks_of(*streamed, output=output(first, streamed[-1])) == (TextBlock("Once"), block)


def test_items_that_no_event_named_are_said_in_their_order_around_what_the_end_closes() -> None:
    told = [message_done(0, "a"), call_done(1, '{"a":1}'), reasoning_done(2, "b"), message_done(3, "c")]
    held = blocks_of(call_added(1), args(1, '{"a"'), output=output(*told))
    assert held == (LOOK, TextBlock("a"), ReasoningBlock("b", origin=ORIGIN), TextBlock("c"))


def test_encrypted_reasoning_that_only_the_end_tells_of_keeps_its_signature() -> None:
    _, thought = blocks_of(*SAID, output=output(SAID[-1], reasoning_done(1, encrypted="x")))
    assert isinstance(thought, ReasoningBlock)
    assert json.loads(thought.signature or "")["encrypted_content"] == "x"


def test_a_server_tool_that_only_the_end_tells_of_has_run() -> None:
    held = held_after(*SAID, ended(output=output(SAID[-1], done(1, "web_search_call"))))
    assert isinstance(held.blocks()[-1], OpaqueBlock)
    assert held.server_tool is None


def test_a_call_that_only_the_end_tells_of_decides_the_stop() -> None:
    held = held_after(*SAID, ended(output=output(SAID[-1], call_done(1, '{"a":1}'))))
    assert held.final_stop() == (StopReason.TOOL_USE, "completed")


def test_a_refusal_that_only_the_end_tells_of_decides_the_stop() -> None:
    assert held_after(*SAID, ended(output=output(SAID[-1], REFUSED))).final_stop()[0] is StopReason.REFUSAL


def test_a_call_that_only_the_end_tells_of_and_that_was_cut_is_not_released() -> None:
    cut = call_done(1, '{"a":', status="incomplete")
    assert blocks_of(*SAID, end="incomplete", **CUT, output=output(SAID[-1], cut)) == (TextBlock("Once"),)


# --- never twice

STREAMED = [
    added(0, "reasoning"), summary(0, "Hm."), reasoning_done(0, "Hm."), added(1), text(1, "Once"),
    message_done(1, "Once"), call_added(2), args(2, '{"a":1}'), call_done(2, '{"a":1}'),
]  # fmt: skip
FINISHED = [told for told in STREAMED if told["type"].endswith("item.done")]
HELD = (ReasoningBlock("Hm.", origin=ORIGIN), TextBlock("Once"), LOOK)


@pytest.mark.parametrize(
    "told",
    [
        [],
        output(*FINISHED),
        output(*FINISHED, id="rotated"),
        output(*FINISHED, id="rotated", call_id="rotated"),
        [None, *output(*FINISHED)],
        output(*FINISHED[1:]),
        output(*FINISHED[1:], id="rotated", call_id="rotated"),
        output(*FINISHED[2:], FINISHED[0], id="rotated"),
        output(message_done(0, "new"), *FINISHED, id="rotated", call_id="rotated"),
    ],
)
def test_what_was_streamed_is_never_said_again_whatever_the_end_calls_it(told: list[Any]) -> None:
    assert blocks_of(*STREAMED, output=told) == HELD


def test_a_text_under_a_new_id_and_place_is_not_said_again() -> None:
    told = output(message_done(0, "preamble"), message_done(1, "Once"), id="rotated")
    assert blocks_of(*SAID, output=told) == (TextBlock("Once"),)


def test_items_of_one_id_in_the_end_alone_are_all_said() -> None:
    told = output(message_done(0, "a"), call_done(1, '{"a":1}'), call_done(2, "{}", "call_b"))
    assert blocks_of(output=[{**item, "id": "same"} for item in told]) == (
        TextBlock("a"), LOOK, ToolCall("call_b", "look", {}),
    )  # fmt: skip


def test_an_open_item_takes_what_the_end_adds_under_another_id() -> None:
    told = output(message_done(0, "Once upon"), reasoning_done(1, "Hm.", encrypted="x"), id="rotated")
    said, thought = blocks_of(text(0, "Once"), added(1, "reasoning"), output=told)
    assert said == TextBlock("Once upon")
    assert isinstance(thought, ReasoningBlock)
    assert thought.signature


def test_an_output_that_was_already_told_is_not_counted_as_ignored() -> None:
    decoder = OpenAIResponses("gpt-test", api_key="sk-x").decoder(Limits())
    decode(decoder, [escaped(lifecycle(), *STREAMED, ended(output=output(*FINISHED)))])
    assert (decoder.ignored.total(), decoder.is_complete) == (0, True)


def test_what_the_end_adds_is_bounded() -> None:
    many = output(*[message_done(at, str(at)) for at in range(9)])
    decoder = OpenAIResponses("gpt-test", api_key="sk-x").decoder(Limits(blocks_max=5))
    decode(decoder, [escaped(lifecycle(), *SAID, ended(output=many))])
    assert "more than 5 items" in str(decoder.defect)


# --- a stream that is read on


def test_a_stream_cut_after_any_event_and_read_on_is_told_the_same_by_its_end() -> None:
    told = [*FINISHED, message_done(3, "only here"), call_done(4, "{}", "call_b")]
    events = numbered(lifecycle(background=True), *STREAMED, ended(output=output(*told)))
    whole = (*HELD, TextBlock("only here"), ToolCall("call_b", "look", {}))
    for at in range(1, len(events)):
        assert held_over(events, at).blocks() == whole, at


def held_over(events: list[Any], at: int) -> Accumulator:
    """What a run holds that was cut before event `at` and read on there."""
    provider = OpenAIResponses("gpt-test", api_key="sk-x")
    found = decode(provider.decoder(Limits()), [escaped(*events[:at])])
    assert isinstance(found[-1], CursorMoved)
    _, resumed = provider.reattach(found[-1].cursor or "", Limits())
    accumulator = Accumulator(origin=ORIGIN)
    for event in [*found, *decode(resumed, [escaped(*events[at:])])]:
        accumulator.fold(event)
    assert (resumed.defect, accumulator.defect) == (None, None)
    return accumulator


def test_the_events_of_what_the_end_adds_are_those_of_a_stream() -> None:
    streamed = events_of(added(0), text(0, "Once"), message_done(0, "Once"), call_done(1, '{"a":1}'), ended())
    at_the_end = events_of(*SAID, ended(output=output(SAID[-1], call_done(1, '{"a":1}'))))
    assert sorted(map(repr, streamed)) == sorted(map(repr, at_the_end))
