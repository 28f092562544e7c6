"""Rows of docs/hardening.md about what an answer says: run-away totals, odd JSON, counts, characters, ids and ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import riverrun as rr
from riverrun.engine.core.ignored import Ignored
from riverrun.testing import Wire
from tests.providers.samples import (
    MESSAGE_STOP,
    USAGE,
    block_delta,
    block_start,
    block_stop,
    call,
    chunk,
    message_delta,
    message_start,
    sse,
    tool_start,
)
from tests.sockets.hostile import MIB, TAKEN_BYTES_MAX, Endless, once, peak_of, seen_of
from tests.sockets.peers import (
    ONCE,
    SLOW,
    Peer,
    SeenHere,
    check_whole,
    every_peer,
    some_peers,
)
from tests.sockets.raw import head, saying

pytestmark = pytest.mark.sockets

BEGUN = {Wire.ANTHROPIC: sse(message_start()), Wire.OPENAI: sse(chunk({"role": "assistant", "content": ""}))}
SAID = {
    Wire.ANTHROPIC: sse(message_start(), block_start(0), block_delta(0, "so far")),
    Wire.OPENAI: sse(chunk({"content": "so far"})),
}
CALLING = {
    Wire.ANTHROPIC: sse(message_start(), tool_start(0, "call_1")),
    Wire.OPENAI: sse(chunk(call("", call_id="call_1", name="look"))),
}


def more_arguments(wire: Wire, text: str) -> bytes:
    return sse(block_delta(0, text, "input_json_delta") if wire is Wire.ANTHROPIC else chunk(call(text)))


def end(wire: Wire) -> bytes:
    anthropic = sse(block_stop(0), message_delta("tool_use"), MESSAGE_STOP)
    return anthropic if wire is Wire.ANTHROPIC else sse(chunk({}, "tool_calls"), USAGE, "[DONE]")


def has_defect(seen: SeenHere) -> bool:
    """Whether a run of one attempt ended because its bytes stopped being the wire format."""
    cause = getattr(seen.error, "cause", None)
    return isinstance(cause, rr.causes.MalformedStream) or "malformed" in str(seen.error)


# -- run-away totals ----------------------------------------------------------------------------------------------


@some_peers
async def test_endless_arguments_end_at_their_bound(peer: Peer) -> None:
    endless = Endless(
        head() + CALLING[peer.wire] + more_arguments(peer.wire, '{"a":"'), more_arguments(peer.wire, "a" * 9000)
    )
    policy = once(arguments_bytes_max=MIB)
    (seen, _), peak_bytes = await peak_of(seen_of(peer, endless, policy))
    assert "1048576" in str(seen.error).replace(",", "")
    assert (seen.started, seen.ready) == (["call_1"], [])
    assert endless.sent_bytes < MIB + TAKEN_BYTES_MAX
    assert peak_bytes < 16 * MIB  # the events that wait for the consumer hold their fragments, too


def counted(wire: Wire, number: int) -> bytes:
    """Call number n, whole; of `{}` Chat Completions could not tell before the finish word."""
    if wire is Wire.OPENAI:
        return sse(chunk(call('{"a":1}', index=number, call_id=f"call_{number}", name="look")))
    return sse(
        tool_start(number, f"call_{number}"), block_delta(number, '{"a":1}', "input_json_delta"), block_stop(number)
    )


@some_peers
async def test_of_ten_thousand_calls_a_thousand_are_taken(peer: Peer) -> None:
    calls = b"".join(counted(peer.wire, number) for number in range(10_000))
    seen, _ = await seen_of(peer, saying(head() + BEGUN[peer.wire] + calls), ONCE)
    assert seen.result is not None  # the calls that were released end the run: none of them is lost
    assert (len(seen.ready), seen.result.stop_reason) == (len(seen.result.tool_calls), rr.StopReason.TOOL_USE)
    assert len(seen.ready) in (1023, 1024)
    assert isinstance(seen.result.attempts[-1].cause, rr.causes.MalformedStream)


async def test_of_ten_thousand_blocks_four_thousand_are_taken() -> None:
    peer = Peer(Wire.ANTHROPIC, "httpx")
    blocks = b"".join(
        sse(block_start(number), block_delta(number, "a"), block_stop(number)) for number in range(10_000)
    )
    seen, _ = await seen_of(peer, saying(head() + BEGUN[peer.wire] + blocks), ONCE)
    assert has_defect(seen)
    assert "4096" in str(seen.error)
    assert len(seen.text) == 4096


# -- odd JSON -----------------------------------------------------------------------------------------------------

DEEP = "[" * 100_000
FRAMES = {
    "deep": '{"a":' + DEEP,
    "deep and closed": '{"a":' + DEEP + "]" * 100_000 + "}",
    "129 deep": '{"a":' + "[" * 129 + "]" * 129 + "}",
    "no JSON": "{so far",
    "no object": "[1]",
    "two values": "{}{}",
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": -Infinity}',
    "beyond a double": '{"a": 1e999}',
    "a number of 5,000 digits": '{"a": ' + "9" * 5000 + "}",
}


@some_peers
@pytest.mark.parametrize("name", FRAMES)
async def test_a_frame_that_is_no_sound_json_is_a_typed_end_and_keeps_what_was_said(peer: Peer, name: str) -> None:
    bad = b"event: message_delta\ndata: " + FRAMES[name].encode() + b"\n\n"
    seen, _ = await seen_of(peer, saying(head() + SAID[peer.wire] + bad), ONCE)
    assert isinstance(seen.error, rr.StreamInterrupted)
    assert isinstance(seen.error.cause, rr.causes.MalformedStream)
    assert seen.error.snapshot is not None
    assert seen.error.snapshot.text == seen.text == "so far"
    assert len(str(seen.error)) < 500


ARGUMENTS = {
    "no JSON": "{so far",
    "no object": "[1]",
    "cut": '{"a": ',
    "deep": '{"a":' + "[" * 129 + "]" * 129 + "}",
    "very deep": '{"a":' + DEEP,
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": Infinity}',
    "beyond a double": '{"a": 1e999}',
    "5,000 digits": '{"a": ' + "9" * 5000 + "}",
    "a key twice": '{"a": 1, "a": 2}',
    "two objects": "{}{}",
}


@some_peers
@pytest.mark.parametrize("name", ARGUMENTS)
async def test_arguments_that_two_readers_could_read_differently_are_never_released(peer: Peer, name: str) -> None:
    stream = CALLING[peer.wire] + more_arguments(peer.wire, ARGUMENTS[name]) + end(peer.wire)
    seen, server = await seen_of(peer, saying(head() + stream), ONCE)
    assert (seen.started, seen.ready, seen.cancelled) == (["call_1"], [], ["call_1"])
    assert seen.error is not None or (seen.result is not None and seen.result.incomplete_tool_calls == 1)
    assert len(server.requests) == 1


# -- counts -------------------------------------------------------------------------------------------------------

COUNTS: tuple[tuple[Any, ...], ...] = (
    (-5, -7), (2**70, 2**70), (10, 7, 3, 1), (0,), (None, 5), (10**30, -(10**30)), ("9", [], {}, True, 1.5),
)  # fmt: skip


def counting(wire: Wire, counts: tuple[Any, ...]) -> bytes:
    """An answer that reports each of these counts in turn."""
    if wire is Wire.OPENAI:
        reports = [chunk({}, usage={"prompt_tokens": n, "completion_tokens": n, "total_tokens": n}) for n in counts]
        return sse(chunk({"content": "so far"}), *reports, chunk({}, "stop"), "[DONE]")
    reports = [message_delta("end_turn", input_tokens=n, output_tokens=n) for n in counts]
    return sse(message_start(), block_start(0), block_delta(0, "so far"), block_stop(0), *reports, MESSAGE_STOP)


@some_peers
@pytest.mark.parametrize("counts", COUNTS, ids=str)
async def test_no_count_makes_the_ledger_negative_or_endless(peer: Peer, counts: tuple[Any, ...]) -> None:
    seen, _ = await seen_of(peer, saying(head() + counting(peer.wire, counts)), ONCE)
    assert seen.text == "so far"
    assert seen.result is not None
    usage = seen.result.usage
    assert all(0 <= count < 2**63 for count in (usage.input, usage.output, usage.total, usage.cached_input))
    if counts == (10, 7, 3, 1):
        assert usage.output == 1  # cumulative reports replace: the last one counts


# -- characters ---------------------------------------------------------------------------------------------------


def text_of(wire: Wire, json_text: bytes) -> bytes:
    """A whole answer whose text is these bytes of a JSON string."""
    if wire is Wire.OPENAI:
        return (
            b'data: {"choices":[{"index":0,"delta":{"content":"'
            + json_text
            + b'"}}]}\n\n'
            + sse(chunk({}, "stop"), "[DONE]")
        )
    delta = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"' + json_text + b'"}}'
    begun = sse(message_start(), block_start(0))
    return begun + b"data: " + delta + b"\n\n" + sse(block_stop(0), message_delta(), MESSAGE_STOP)


CHARACTERS = {
    "invalid bytes": (b"a\xff\xfeb", "a\ufffd\ufffdb"),
    "an overlong slash": (b"a\xc0\xafb", "a\ufffd\ufffdb"),
    "a high surrogate alone": (b"a\\ud83db", "a\ufffdb"),
    "a low surrogate alone": (b"a\\udf0ab", "a\ufffdb"),
    "surrogates the wrong way round": (b"\\udf0a\\ud83d", "\ufffd\ufffd"),
    "a pair": (b"\\ud83c\\udf0a", "🌊"),
    "NUL and line separators": (b"\\u0000\\u2028\\u2029\\u0085", "\x00\u2028\u2029\x85"),
    "a BOM inside": (b"\xef\xbb\xbfa", "\ufeffa"),
}


@some_peers
@pytest.mark.parametrize("name", CHARACTERS)
async def test_any_characters_are_shown_stored_and_can_be_encoded(peer: Peer, name: str, tmp_path: Path) -> None:
    written, text = CHARACTERS[name]
    store = rr.SQLiteStore(tmp_path / "runs.db")
    policy = rr.Policy(checkpoint=rr.CheckpointPolicy(before_delivery=True))  # nothing is shown that is not stored
    seen, _ = await seen_of(peer, saying(head() + text_of(peer.wire, written)), policy, store=store)
    check_whole(seen, text)
    assert seen.result is not None
    assert seen.result.checkpoint_failures == 0
    assert seen.text.encode().decode() == text


# -- ids, ends, errors --------------------------------------------------------------------------------------------

ARGUED = '{"a":1}'


def one(arguments: str = ARGUED, index: int = 0) -> tuple[Any, ...]:
    """A whole call of the id `call_1`."""
    return tool_start(index, "call_1"), block_delta(index, arguments, "input_json_delta"), block_stop(index)


async def contradicting(*events: Any) -> tuple[SeenHere, int]:
    """What was seen of an answer of these events, and the number of requests."""
    stream = sse(message_start(), *events, message_delta("tool_use"), MESSAGE_STOP)
    seen, server = await seen_of(Peer(Wire.ANTHROPIC, "httpx"), saying(head() + stream), ONCE)
    return seen, len(server.requests)


GOES_ON = {
    "arguments after the stop": block_delta(0, '{"b":1}', "input_json_delta"),
    "a delta of a block that never began": block_delta(7, '{"b":1}', "input_json_delta"),
}


@pytest.mark.parametrize("name", GOES_ON)
async def test_what_contradicts_what_was_said_releases_no_call_twice(name: str) -> None:
    seen, requests = await contradicting(*one(), GOES_ON[name])
    assert ([ready.id for ready in seen.ready], seen.started, requests) == (["call_1"], ["call_1"], 1)
    assert seen.ready[0].arguments == {"a": 1}  # what came behind its stop is no part of it
    assert seen.result is not None  # nothing takes back a call that was released
    assert (seen.result.stop_reason, seen.result.tool_calls) == (rr.StopReason.TOOL_USE, tuple(seen.ready))
    assert isinstance(seen.result.attempts[-1].cause, rr.causes.MalformedStream)


@pytest.mark.parametrize(
    "events",
    [*((*one("{}"), goes_on) for goes_on in GOES_ON.values()), (tool_start(0, "call_1"), tool_start(0, "call_2"))],
    ids=[*GOES_ON, "a second start of an open block"],
)
async def test_what_contradicts_a_call_that_nothing_confirms_is_an_interruption(events: tuple[Any, ...]) -> None:
    """`{}` may be a call that was cut before its first parameter: only what follows in order says that it is whole."""
    seen, requests = await contradicting(*events)
    assert (seen.started, seen.ready, seen.cancelled, requests) == (["call_1"], [], ["call_1"], 1)
    assert isinstance(seen.error, rr.StreamInterrupted)
    assert has_defect(seen)


ODD: dict[str, tuple[Any, Ignored]] = {
    "an id twice": (lambda arguments: one(arguments, 1), Ignored.CALL_ID_AGAIN),
    "a second stop": (lambda _: (block_stop(0),), Ignored.STOP_UNKNOWN),
    "a jump": (lambda _: (block_start(5), block_delta(5, "x"), block_stop(5)), Ignored.INDEX_ODD),
}


@pytest.mark.parametrize("arguments", [ARGUED, "{}"])
@pytest.mark.parametrize("name", ODD)
async def test_what_is_odd_with_one_meaning_is_counted_and_released_once(name: str, arguments: str) -> None:
    again, kind = ODD[name]
    seen, requests = await contradicting(*one(arguments), *again(arguments))
    assert ([ready.id for ready in seen.ready], requests) == (["call_1"], 1)
    assert seen.cancelled == seen.started[1:]  # the second of one id was begun under an id of ours
    assert seen.result is not None
    assert (seen.result.stop_reason, seen.result.tool_calls) == (rr.StopReason.TOOL_USE, tuple(seen.ready))
    assert [(record.cause, record.ignored) for record in seen.result.attempts] == [(None, {kind: 1})]


def whole_text(wire: Wire) -> bytes:
    return text_of(wire, b"so far")


def failing(wire: Wire) -> bytes:
    name = b"event: error\n" if wire is Wire.ANTHROPIC else b""
    return name + b'data: {"type":"error","error":{"type":"api_error","code":500,"message":"broke"}}\n\n'


@every_peer
async def test_an_error_is_an_error_an_early_end_an_interruption_and_an_error_after_the_end_nothing(peer: Peer) -> None:
    error, _ = await seen_of(peer, saying(head() + SAID[peer.wire] + failing(peer.wire)), ONCE)
    early, _ = await seen_of(peer, saying(head() + SAID[peer.wire]), ONCE)
    after, _ = await seen_of(peer, saying(head() + whole_text(peer.wire) + failing(peer.wire)), ONCE)
    assert isinstance(error.error, rr.StreamInterrupted)
    assert isinstance(error.error.cause, rr.causes.Provider5xx)
    assert isinstance(early.error, rr.StreamInterrupted)
    assert isinstance(early.error.cause, rr.causes.PrematureEnd)
    check_whole(after, "so far")


@every_peer
async def test_of_two_ends_the_first_counts(peer: Peer) -> None:
    seen, server = await seen_of(peer, saying(head() + whole_text(peer.wire) + whole_text(peer.wire)), ONCE)
    check_whole(seen, "so far")
    assert sum(isinstance(event, rr.Finished) for event in seen.events) == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("before", [(), (block_start(0), block_delta(0, "so far"), block_stop(0))])
async def test_a_server_side_tool_that_may_have_run_is_not_run_again_by_a_retry(before: tuple[Any, ...]) -> None:
    search = block_start(len(before) // 3, "server_tool_use", id="srvtoolu_1", name="web_search", input={})
    stream = sse(message_start(), *before, search)
    seen, server = await seen_of(Peer(Wire.ANTHROPIC, "httpx"), saying(head() + stream, then="reset"), SLOW)
    assert isinstance(seen.error, rr.StreamInterrupted)
    assert "web_search" in str(seen.error)
    assert len(server.requests) == 1
