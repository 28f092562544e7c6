"""Every recorded stream of the Responses API decodes to what is written beside it, however its bytes were cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import CursorMoved
from riverrun.providers.openai_responses.provider import OpenAIResponses
from tests.providers.fold import Answer, decode, fold
from tests.providers.recordings import cut, load, recordings

pytestmark = pytest.mark.recordings


def is_json(parameter: Any) -> bool:
    """Whether every frame is JSON; one hand-made stream has two that are not."""
    [meta] = parameter.values
    return meta is None or not json.loads(meta.read_text("utf-8"))["expected"]["junk"]


every_file = pytest.mark.parametrize("meta", recordings("openai-responses"))
every_recording = pytest.mark.parametrize("meta", [*filter(is_json, recordings("openai-responses"))])


PLAIN_KINDS = {"message", "reasoning", "function_call", "custom_tool_call"}
NO_TOOLS = {"compaction"}  # kept whole as well, but nothing ran
STOPS = {"max_output_tokens": StopReason.MAX_TOKENS, "content_filter": StopReason.CONTENT_FILTER}


def new_decoder() -> Any:
    return OpenAIResponses("some-model", api_key="sk-test-key").decoder(Limits())


def read(meta: Path | None) -> tuple[dict[str, Any], bytes, list[Any], Any]:
    """What is expected of a recording, its bytes, its events, and the decoder after it."""
    described, data = load(meta)
    decoder = new_decoder()
    return described["expected"], data, decode(decoder, [data]), decoder


@every_recording
def test_a_recording_says_what_is_written_beside_it(meta: Path | None) -> None:
    expected, _, events, decoder = read(meta)
    answer = fold(events)
    assert decoder.defect is None
    assert answer.text == expected["text"] + expected["refusal"]
    assert answer.reasoning == expected["reasoning"]
    assert answer.response_id == expected["response_id"]
    assert len(answer.signatures) == expected["redacted_or_encrypted"]
    assert answer.pings == expected["event_counts"].get("keepalive", 0)


@every_recording
def test_a_recording_ends_as_is_written_beside_it(meta: Path | None) -> None:
    expected, _, events, decoder = read(meta)
    answer = fold(events)
    failed = bool(expected["errors"]) or expected["terminal_marker"] == "response.failed"
    assert bool(answer.failure) == failed
    assert decoder.is_complete == (expected["terminal_marker"] is not None and not failed)
    if decoder.is_complete:
        assert answer.stop is not None
        assert answer.stop.reason is stop_of(answer, expected)
        assert answer.stop.word in (expected["finish_reason"], (expected["finish_detail"] or {}).get("reason"))


def stop_of(answer: Answer, expected: dict[str, Any]) -> StopReason:
    if expected["finish_reason"] == "completed":
        refused = StopReason.REFUSAL if expected["refusal"] else StopReason.END_TURN
        return StopReason.TOOL_USE if answer.calls else refused
    return STOPS.get((expected["finish_detail"] or {}).get("reason"), StopReason.OTHER)


@every_recording
def test_a_recording_calls_what_is_written_beside_it(meta: Path | None) -> None:
    expected, _, events, _ = read(meta)
    accumulator = Accumulator()
    for event in events:
        accumulator.fold(event)
    assert accumulator.defect is None
    whole = [call for call in expected["tool_calls"] if call.get("args_complete", True)]
    seen = [(call.id, call.name, call.arguments) for call in accumulator.completed_calls]
    assert seen == [(call["id"], call["name"], arguments_of(call)) for call in whole]
    started = [(call.id, call.name) for call in fold(events).calls.values()]
    assert started == [(call["id"], call["name"]) for call in expected["tool_calls"]]


def arguments_of(call: dict[str, Any]) -> Any:
    """A custom call's free text is its argument `input`."""
    return {"input": call["args"]} if call.get("custom") else call["args"]


@every_recording
def test_a_recording_used_what_is_written_beside_it(meta: Path | None) -> None:
    expected, _, events, _ = read(meta)
    usage, used = expected["usage"] or {}, fold(events).usage
    assert (used.input, used.output) == (usage.get("input_tokens", 0), usage.get("output_tokens", 0))
    assert used.reasoning == ((usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0)
    assert used.cached_input == ((usage.get("input_tokens_details") or {}).get("cached_tokens") or 0)


@every_recording
def test_server_tools_of_a_recording_are_announced_and_kept_whole(meta: Path | None) -> None:
    expected, data, events, _ = read(meta)
    answer = fold(events)
    tools = [tool for tool in expected["server_tools"] if tool["type"] not in NO_TOOLS]
    assert answer.server_tools == [tool.get("name") or tool["type"] for tool in tools]
    kept = sorted(received.block.kind for received in answer.opaque)
    assert kept == sorted(kind for kind in expected["block_types"] if kind not in PLAIN_KINDS)
    told = [frame["item"] for frame in frames(data) if frame.get("type") == "response.output_item.done"]
    told += [item for frame in frames(data) for item in (frame.get("response") or {}).get("output", [])]
    assert all(received.block.data in told for received in answer.opaque)


@every_recording
def test_the_signatures_of_a_recording_are_its_reasoning_items_unmodified(meta: Path | None) -> None:
    _, data, events, _ = read(meta)
    done = [frame["item"] for frame in frames(data) if frame.get("type") == "response.output_item.done"]
    encrypted = [item for item in done if item.get("type") == "reasoning" and item.get("encrypted_content")]
    assert [json.loads(signature) for signature in fold(events).signatures] == encrypted


def frames(data: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in data.replace(b"\r\n", b"\n").split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("how", ["lines", "bytes", "seed 1", "seed 2"])
@every_recording
def test_a_recording_decodes_the_same_however_it_is_cut(meta: Path | None, how: str) -> None:
    _, data = load(meta)
    whole, cut_up = new_decoder(), new_decoder()
    assert decode(cut_up, cut(data, how)) == decode(whole, [data])
    assert (cut_up.is_complete, cut_up.defect) == (whole.is_complete, whole.defect)


@every_recording
def test_a_recording_whose_body_ends_in_order_behind_an_item_counts_as_whole_only_if_it_is(meta: Path | None) -> None:
    _, data, events, _ = read(meta)
    whole = fold(events)
    frames = data.splitlines(keepends=True)
    for at, line in enumerate(frames):
        if b'"response.output_item.done"' in line:
            decoder = new_decoder()
            held = fold(decode(decoder, [b"".join(frames[: at + 1]), b"\n\n"]))
            assert not decoder.is_complete or (held.text, held.calls) == (whole.text, whole.calls)


@every_recording
def test_a_recording_that_breaks_before_its_end_is_never_complete(meta: Path | None) -> None:
    _, data = load(meta)
    ends = [data.find(f'"response.{word}"'.encode()) for word in ("completed", "incomplete", "failed")]
    decoder = new_decoder()
    decoder.feed(data[: max(ends)])
    decoder.close_broken()
    assert not decoder.is_complete


@every_file
def test_a_recording_with_frames_that_are_no_json_is_malformed(meta: Path | None) -> None:
    """On purpose unlike a reader that skips them: what they said is lost, and an answer is whole or it is not one."""
    described, data = load(meta)
    decoder = new_decoder()
    answer = fold(decode(decoder, [data]))
    assert (decoder.defect is not None) == bool(described["expected"]["junk"])
    assert decoder.defect is None or not any(call.end == "closed" for call in answer.calls.values())


@every_recording
def test_a_recorded_background_stream_is_read_on_after_any_event(meta: Path | None) -> None:
    _, data, events, _ = read(meta)
    provider = OpenAIResponses("some-model", api_key="sk-test-key")
    told = data.replace(b"\r\n", b"\n").split(b"\n\n")
    for at in range(1, len(told)) if any(isinstance(event, CursorMoved) for event in events) else ():
        before = decode(provider.decoder(Limits()), [b"\n\n".join(told[:at]) + b"\n\n"])
        cursors = [event.cursor for event in before if isinstance(event, CursorMoved)]
        if not isinstance(before[-1], CursorMoved):
            continue
        _, decoder = provider.reattach(cursors[-1], Limits())
        assert fold([*before, *decode(decoder, [b"\n\n".join(told[at:])])]) == fold(events)
