"""Rows of docs/hardening.md about the connection: bounds on memory, silence, hints, keys and words, on real sockets."""

from __future__ import annotations

import gzip
import json
import logging
import zlib

import pytest
import trio

import riverrun as rr
from riverrun.engine.testing.wire.formats import error_body
from riverrun.providers.by_name import provider_classes
from riverrun.testing import Wire
from tests.sockets.hostile import MIB, TAKEN_BYTES_MAX, Endless, once, peak_of, seen_by, seen_of
from tests.sockets.peers import CANARY, ONCE, SLOW, Peer, check_whole, every_peer, impatient, some_peers
from tests.sockets.raw import Answering, answering, head, in_turn, saying, stream_body, whole

pytestmark = pytest.mark.sockets

every_provider = pytest.mark.parametrize("name", sorted(provider_classes()))
PEAK_BYTES_MAX = 6 * MIB
"""Six times the bound of these tests; 1.5 are measured, and 4 where the first run of the process imports."""
NARROW = once(line_bytes_max=MIB, event_bytes_max=MIB, text_bytes_max=MIB, arguments_bytes_max=MIB)


def kind_of(name: str) -> str:
    return "application/x-ndjson" if name == "ollama" else "text/event-stream"


# -- memory -------------------------------------------------------------------------------------------------------


@every_provider
@pytest.mark.parametrize("begins", [b'data: {"a":"', b'{"a":"', b": ", b""])
async def test_an_endless_line_takes_no_more_memory_than_its_bound_in_any_format(name: str, begins: bytes) -> None:
    endless = Endless(head(kind=kind_of(name)) + begins, b"a" * 65536)
    (seen, _), peak_bytes = await peak_of(seen_by(name, endless, NARROW))
    assert isinstance(seen.error, rr.errors.ProviderError | rr.StreamInterrupted)
    assert "1048576" in str(seen.error)
    assert endless.sent_bytes < MIB + TAKEN_BYTES_MAX
    assert peak_bytes < PEAK_BYTES_MAX


@some_peers
async def test_under_the_default_bound_too_an_endless_line_is_held_once_and_a_bit(peer: Peer) -> None:
    endless = Endless(head() + b"data: ", b"a" * 65536)
    (seen, _), peak_bytes = await peak_of(seen_of(peer, endless, ONCE))
    assert isinstance(seen.error, rr.errors.ProviderError)
    assert "8388608" in str(seen.error)
    assert peak_bytes < 2 * 8 * MIB  # 10 to 11 MiB are measured; others were seen to take 712 MB for a line of 256


@some_peers
async def test_an_endless_event_of_short_lines_takes_no_more_memory_than_its_bound(peer: Peer) -> None:
    endless = Endless(head(), b"data: " + b"a" * 1000 + b"\n")
    (seen, _), peak_bytes = await peak_of(seen_of(peer, endless, NARROW))
    assert isinstance(seen.error, rr.errors.ProviderError)
    assert "event_bytes_max" in str(seen.error)
    assert peak_bytes < PEAK_BYTES_MAX


@some_peers
@pytest.mark.parametrize("again", [b": ping\n\n", b"\n", b"event: x\n", b"id: 1\n\n", b"x" * 1000 + b"\n"])
async def test_what_says_nothing_for_ever_is_not_kept_and_ends_in_a_stall(peer: Peer, again: bytes) -> None:
    policy = impatient("first_event_s", "first_event_s_max", attempts_max=1)
    (seen, _), peak_bytes = await peak_of(seen_of(peer, Endless(head(), again * 64), policy))
    assert type(seen.error) is rr.errors.InferenceTimeout
    assert peak_bytes < PEAK_BYTES_MAX


@some_peers
@pytest.mark.parametrize("again", [b"x-a: " + b"a" * 1000 + b"\r\n", b"a" * 1000])
async def test_endless_headers_end_by_themselves(peer: Peer, again: bytes) -> None:
    endless = Endless(b"HTTP/1.1 200 OK\r\n", again)
    (seen, _), peak_bytes = await peak_of(seen_of(peer, endless, ONCE))
    assert type(seen.error) is rr.errors.ProviderError
    assert endless.sent_bytes < TAKEN_BYTES_MAX
    assert peak_bytes < PEAK_BYTES_MAX


@every_provider
@pytest.mark.parametrize("status", ["400 No", "503 Busy"])
async def test_an_endless_error_is_read_to_its_bound_and_told_in_a_line(name: str, status: str) -> None:
    endless = Endless(head(status, kind="application/json") + b'{"error":{"message":"', b"a" * 65536)
    (seen, _), peak_bytes = await peak_of(seen_by(name, endless, ONCE))
    assert isinstance(seen.error, rr.InferenceError)
    assert len(str(seen.error)) < 500
    assert endless.sent_bytes < TAKEN_BYTES_MAX
    assert peak_bytes < PEAK_BYTES_MAX


BOMB = gzip.compress(b"data: " + b"a" * 16 * MIB)
BOMBS = {
    "gzip": BOMB,
    "x-gzip": BOMB,
    "deflate": zlib.compress(b"a" * 16 * MIB),
    "gzip, gzip": gzip.compress(BOMB),
    "identity, gzip": BOMB,
    "br": b"\x5b\xff\xff\xff\x03",
    "zstd": b"\x28\xb5\x2f\xfd",
    "none-such": b"?",
}


@some_peers
@pytest.mark.parametrize("coding", BOMBS)
@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
async def test_a_coded_body_is_unpacked_to_its_bound_or_refused_unread(peer: Peer, coding: str, status: str) -> None:
    coded = whole(status, BOMBS[coding], f"content-encoding: {coding}", kind="text/event-stream")
    (seen, _), peak_bytes = await peak_of(seen_of(peer, saying(coded), NARROW))
    assert type(seen.error) is rr.errors.ProviderError
    assert seen.text == ""
    assert peak_bytes < PEAK_BYTES_MAX


PACKED = {
    "one answer in one piece": b'{"choices":[{"message":{"content":"' + b"a" * 16 * MIB,
    "many values": b'{"choices":[' + b"1," * 8 * MIB,
    "deep values": b"[" * 16 * MIB,
    "objects in a row": b"{}" * 2 * MIB,
    "comments": b": ping\n\n" * MIB,
    "events that say nothing": b'data: {"type":"ping","choices":[]}\n\n' * (MIB // 4),
    "white space": b" \n" * 8 * MIB,
}


@some_peers
@pytest.mark.parametrize("name", PACKED)
async def test_whatever_a_bomb_becomes_it_is_bounded_and_typed(peer: Peer, name: str) -> None:
    coded = whole("200 OK", gzip.compress(PACKED[name]), "content-encoding: gzip", kind="application/json")
    (seen, _), peak_bytes = await peak_of(seen_of(peer, saying(coded), NARROW))
    assert type(seen.error) is rr.errors.ProviderError
    assert seen.text == ""
    assert peak_bytes < PEAK_BYTES_MAX


# -- silence ------------------------------------------------------------------------------------------------------


def dripping(begins: bytes, drop: bytes) -> Answering:
    """Answer, and then go on with a drop now and then that never becomes an event."""

    async def answer(stream: trio.SocketStream, number: int) -> bool:
        await stream.send_all(head() + begins)
        while True:
            await stream.send_all(drop)
            await trio.sleep(0.02)

    return answer


DROPS = {"bytes of a line": (b"data: ", b"a"), "pings": (b"", b": ping\n\n"), "blank lines": (b"", b"\n\n")}


@some_peers
@pytest.mark.parametrize("name", DROPS)
async def test_a_byte_now_and_then_does_not_begin_an_answer(peer: Peer, name: str) -> None:
    seen, _ = await seen_of(
        peer, dripping(*DROPS[name]), impatient("first_event_s", "first_event_s_max", attempts_max=1)
    )
    assert type(seen.error) is rr.errors.InferenceTimeout


@some_peers
@pytest.mark.parametrize("name", DROPS)
async def test_a_byte_now_and_then_does_not_keep_an_answer_alive(peer: Peer, name: str) -> None:
    begins, drop = DROPS[name]
    body = stream_body(peer.wire, "said so far, and what never comes")
    said = body[: body.index(b"\n\n", body.index(b"said so")) + 2]
    seen, _ = await seen_of(peer, dripping(said + begins, drop), impatient("idle_s", attempts_max=1))
    assert isinstance(seen.error, rr.StreamInterrupted)
    assert isinstance(seen.error.cause, rr.causes.IdleStall)
    assert seen.error.snapshot is not None
    assert "said so far".startswith(seen.error.snapshot.text)
    assert seen.error.snapshot.text == seen.text != ""


# -- hints --------------------------------------------------------------------------------------------------------

HINTS = {
    "inf": True, "nan": True, "-5": True, "-inf": True, "": True, "soon": True, "1e-3": True, "0": True, "٣": True,
    "Thu, 01 Jan 1970 00:00:00 GMT": True, "Thu, 01 Jan 99999 00:00:00 GMT": True, "\x7f": True, "1, 2": True,
    "9" * 40: True, "1000000000": False, "86400": False, "Fri, 31 Dec 9999 23:59:59 GMT": False,
}  # fmt: skip
"""What a server may say about when to come back, and whether the request is made again (else the run ends at once)."""


@some_peers
@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
async def test_any_hint_of_when_to_come_back_is_slept_capped_or_no_hint(peer: Peer, hint: str, status: str) -> None:
    error_response = head(status, "content-length: 0").replace(
        b"\r\n\r\n", b"\r\nretry-after: " + hint.encode() + b"\r\n\r\n"
    )
    seen, server = await seen_of(peer, in_turn(saying(error_response, then="keep"), answering(peer.wire, "said")), SLOW)
    if HINTS[hint]:
        check_whole(seen, "said")
    else:
        assert isinstance(seen.error, rr.errors.RateLimited | rr.errors.Overloaded)
        assert len(server.requests) == 1


# -- keys and words -----------------------------------------------------------------------------------------------


@every_provider
async def test_no_provider_puts_its_key_into_an_address_or_an_error(name: str) -> None:
    seen, server = await seen_by(name, saying(whole("401 No", b'{"error":{"message":"no"}}'), then="keep"), ONCE)
    request_line, _, rest = server.requests[0].partition(b"\r\n")
    assert CANARY.encode() not in request_line
    assert rest.count(CANARY.encode()) == 1
    assert type(seen.error) is rr.errors.Unauthorized
    assert CANARY not in f"{seen.error!r}{seen.error}"
    assert "?" not in str(seen.error)


FORGED = "\r\n2026-11-21 CRITICAL root: forged \x1b[2J\x00\u2028\u202e" * 40


@every_peer
@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_words_of_a_provider_are_one_short_printable_line(
    peer: Peer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"type": "error", "error": {"type": FORGED, "code": FORGED, "message": FORGED}}).encode()
    with caplog.at_level(logging.DEBUG, logger="riverrun"):
        seen, _ = await seen_of(peer, saying(whole(f"{status} {'x' * 400}", body), then="keep"), ONCE)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("riverrun")]
    assert isinstance(seen.error, rr.InferenceError)
    assert all(line.isprintable() for line in (str(seen.error), *told))
    assert len(str(seen.error)) < 500


@every_peer
async def test_words_inside_a_stream_are_one_short_printable_line_too(peer: Peer) -> None:
    name = b"event: error\n" if peer.wire is Wire.ANTHROPIC else b""
    error = name + b"data: " + error_body(peer.wire, 500, FORGED) + b"\n\n"
    seen, _ = await seen_of(peer, saying(head() + error), ONCE)
    assert isinstance(seen.error, rr.InferenceError)
    assert str(seen.error).isprintable()
    assert len(str(seen.error)) < 500
