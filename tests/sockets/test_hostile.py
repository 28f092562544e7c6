"""Answers that no provider should give, byte by byte on a real socket: typed, bounded, recovered where it can be."""

from __future__ import annotations

import gzip
import socket
import zlib
from contextlib import ExitStack

import pytest

import riverrun as rr
from riverrun.engine.http.opened_response import READ_AHEAD_BYTES_MAX
from riverrun.engine.testing.wire.formats import Reply, error_body, events_of
from riverrun.testing import Wire
from tests.sockets.hostile import TAKEN_BYTES_MAX, Endless, asked, once, seen_of
from tests.sockets.peers import (
    CANARY,
    ONCE,
    SLOW,
    WIRES,
    Peer,
    check_whole,
    consume,
    every_peer,
    impatient,
    some_peers,
)
from tests.sockets.raw import (
    CHUNKED,
    END,
    Answering,
    RawServer,
    answering,
    chunk,
    head,
    in_turn,
    saying,
    stream_body,
    whole,
)

pytestmark = pytest.mark.sockets

TEXT = "πάντα ῥεῖ: 川は流れる 🌊 and so on, to the end ∎ " * 4
BODY = {wire: stream_body(wire, TEXT) for wire in WIRES}


# -- broken first answers, then a whole one -----------------------------------------------------------------------

BROKEN: dict[str, Answering] = {
    "nothing, then FIN": saying(),
    "nothing, then RST": saying(then="reset"),
    "nothing at all": saying(then="stay"),
    "half a head, then FIN": saying(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "half a head, then silence": saying(b"HTTP/1.1 200 OK\r\ncontent-ty", then="stay"),
    "another protocol": saying(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "binary": saying(bytes(range(256)) * 8),
    "an HTTP/2 preface": saying(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00\x03\x00\x00\x00\x64" * 3),
    "two lengths": saying(head("200 OK", "content-length: 5", "content-length: 6") + b"data:\n\n"),
    "a negative length": saying(head("200 OK", "content-length: -5") + b"data:\n\n"),
    "a length that is no number": saying(head("200 OK", "content-length: 0x10") + b"data:\n\n"),
    "length and chunks": saying(head("200 OK", CHUNKED, "transfer-encoding: gzip") + b"data:\n\n"),
    "a chunk size that is no number": saying(head("200 OK", CHUNKED) + b"zz\r\ndata:\n\n"),
    "a chunk size of 2**70": saying(head("200 OK", CHUNKED) + b"%x\r\ndata:\n\n" % 2**70),
    "a body shorter than its length": saying(head("200 OK", "content-length: 900") + b": only this\n\n"),
    "a head of a megabyte": saying(b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"a" * 2**20),
    "a header with a line feed": saying(b"HTTP/1.1 200 OK\r\nx: a\nb\x00c\r\n\r\n"),
    "an empty body": saying(head("200 OK", "content-length: 0")),
    "an empty chunked body": saying(head("200 OK", CHUNKED) + END),
    "204": saying(b"HTTP/1.1 204 No Content\r\n\r\n", then="keep"),
    "200 in JSON": saying(whole("200 OK", b'{"error":{"message":"upstream failed","code":500}}'), then="keep"),
    "200 in XML": saying(whole("200 OK", b"<Error/>", kind="application/xml"), then="keep"),
    "200 in gzip": saying(
        whole("200 OK", gzip.compress(b"data: {}\n\n"), "content-encoding: gzip", kind="text/event-stream")
    ),
    "200 in gzip that is none": saying(
        whole("200 OK", b"\x00" * 64, "content-encoding: gzip", kind="text/event-stream")
    ),
    "500 in HTML": saying(whole("500 Oops", b"<h1>Bad gateway</h1>" * 99, kind="text/html")),
    "503 whose body breaks": saying(head("503 Busy", "content-length: 999", kind="text/plain") + b"bu", then="reset"),
    "429 with a date of long ago": saying(
        whole("429 Slow", b"{}", "retry-after: Sun, 06 Nov 1994 08:49:37 GMT"), then="keep"
    ),
    "529 with a hint that is none": saying(whole("529 Busy", b"{}", "retry-after: nan"), then="keep"),
    "no status text": saying(b"HTTP/1.1 503\r\ncontent-length: 0\r\n\r\n", then="keep"),
}
SILENT = ("nothing at all", "half a head, then silence")


@some_peers
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_asked_for_again(peer: Peer, name: str) -> None:
    policy = impatient("headers_s") if name in SILENT else SLOW
    seen, server = await seen_of(peer, in_turn(BROKEN[name], answering(peer.wire, TEXT)), policy)
    check_whole(seen, TEXT)
    assert len(server.requests) == 2 or (name in SILENT and len(server.requests) > 2)  # the machine may be slow, too


@some_peers
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_alone_is_one_typed_error(peer: Peer, name: str) -> None:
    seen, server = await seen_of(peer, BROKEN[name], impatient("headers_s", attempts_max=1) if name in SILENT else ONCE)
    assert isinstance(seen.error, rr.errors.ProviderError | rr.errors.InferenceTimeout)
    assert len(str(seen.error)) < 500
    assert str(seen.error).isprintable()
    assert len(server.requests) == 1 or (name in SILENT and not server.requests)  # its clock may beat the connection


# -- odd, and right -----------------------------------------------------------------------------------------------

ODD = {
    "until the connection closes": lambda body: saying(head() + body),
    "HTTP/1.0": lambda body: saying(head().replace(b"1.1", b"1.0") + body),
    "with a length": lambda body: saying(head("200 OK", f"content-length: {len(body)}") + body, then="keep"),
    "with an early hint": lambda body: saying(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + head() + body),
    "a byte a write": lambda body: saying(head(), *[body[at : at + 1] for at in range(len(body))]),
    "a byte a chunk": lambda body: saying(
        head("200 OK", CHUNKED) + b"".join(chunk(body[at : at + 1]) for at in range(len(body))) + END, then="keep"
    ),
    "chunk extensions and trailers": lambda body: saying(
        head("200 OK", CHUNKED) + b"%x;a=b\r\n" % len(body) + body + b"\r\n0\r\nx-trailer: 1\r\n\r\n", then="keep"
    ),
    "without a content type": lambda body: saying(b"HTTP/1.1 200 OK\r\n\r\n" + body),
    "without a content type, 201": lambda body: saying(b"HTTP/1.1 201 Created\r\n\r\n" + body),
    "labelled as JSON": lambda body: saying(head(kind="application/json") + body),
    "in gzip": lambda body: saying(head("200 OK", "content-encoding: gzip") + gzip.compress(body)),
    "in deflate": lambda body: saying(head("200 OK", "content-encoding: deflate") + zlib.compress(body)),
    "coded as identity": lambda body: saying(head("200 OK", "content-encoding: identity") + body),
    "reset after the terminal event": lambda body: saying(head("200 OK", CHUNKED) + chunk(body), then="reset"),
    "silence after the terminal event": lambda body: saying(head("200 OK", CHUNKED) + chunk(body), then="stay"),
    "garbage after the terminal event": lambda body: saying(head() + body + b"data: \xff{{{\n\n"),
    "cut inside the chunk after the terminal event": lambda body: saying(
        head("200 OK", CHUNKED) + b"ffffff\r\n" + body
    ),
}


@some_peers
@pytest.mark.parametrize("name", ODD)
async def test_an_odd_answer_that_is_whole_is_a_success_at_once(peer: Peer, name: str) -> None:
    seen, server = await seen_of(peer, ODD[name](BODY[peer.wire]))
    check_whole(seen, TEXT)
    assert len(server.requests) == 1


# -- never followed, never decoded --------------------------------------------------------------------------------


@every_peer
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed_and_the_key_never_arrives_there(peer: Peer, status: int) -> None:
    async with RawServer(answering(peer.wire, TEXT)) as elsewhere:
        moved = whole(f"{status} Moved", b"", f"location: http://127.0.0.1:{elsewhere.port}{peer.wire.path}")
        async with RawServer(saying(moved, then="keep")) as server:
            seen = await asked(peer, server, client_options={"follow_redirects": True})
            assert isinstance(seen.error, rr.InferenceError)
            assert not seen.error.is_retryable
            assert "redirects are never followed" in str(seen.error)
            assert (len(server.requests), elsewhere.accepts) == (1, 0)


@every_peer
async def test_304_and_a_redirect_to_nowhere_are_final_too(peer: Peer) -> None:
    seen, server = await seen_of(peer, saying(b"HTTP/1.1 304 Not Modified\r\nlocation: \x7f\r\n\r\n", then="keep"))
    assert isinstance(seen.error, rr.InferenceError)
    assert len(server.requests) == 1


@every_peer
async def test_the_key_travels_in_a_header_and_nothing_coded_is_asked_for(peer: Peer) -> None:
    _, server = await seen_of(peer, answering(peer.wire, TEXT))
    request_line, _, rest = server.requests[0].partition(b"\r\n")
    assert CANARY.encode() not in request_line
    assert rest.count(CANARY.encode()) == 1
    assert b"accept-encoding: identity" in rest.lower()


@every_peer
async def test_another_coding_is_refused_unread_and_asked_for_once(peer: Peer) -> None:
    coded = whole("200 OK", b"\x00" * 64, "content-encoding: br", kind="text/event-stream")
    seen, server = await seen_of(peer, saying(coded, then="keep"))
    assert type(seen.error) is rr.errors.ProviderError
    assert (seen.text, len(server.requests)) == ("", 1)


# -- without end --------------------------------------------------------------------------------------------------


SMALL = once(line_bytes_max=100_000, event_bytes_max=100_000, text_bytes_max=100_000)


def text_event(wire: Wire, text: str) -> bytes:
    return max(events_of(wire, Reply(1, "m", [text])), key=len)


def beginning(wire: Wire) -> bytes:
    """What comes before the end of a short answer."""
    events = events_of(wire, Reply(1, "m", ["first"]))
    return b"".join(events[: next(at for at, event in enumerate(events) if b"first" in event) + 1])


ENDLESS = {
    "an endless line": lambda wire: Endless(head() + b"data: ", b"a" * 65536),
    "an endless line of comment": lambda wire: Endless(head() + b": ", b"a" * 65536),
    "an endless event": lambda wire: Endless(head(), b"data: " + b"a" * 5000 + b"\n"),
    "endless text": lambda wire: Endless(head() + beginning(wire), text_event(wire, "a" * 5000)),
}


@some_peers
@pytest.mark.parametrize("name", ENDLESS)
async def test_what_has_no_end_ends_at_its_limit(peer: Peer, name: str) -> None:
    endless = ENDLESS[name](peer.wire)
    seen, _ = await seen_of(peer, endless, SMALL)
    assert isinstance(seen.error, rr.errors.ProviderError | rr.StreamInterrupted)
    assert "100000" in str(seen.error).replace(",", "").replace("_", "")
    assert len(seen.text) <= 100_000 + READ_AHEAD_BYTES_MAX + 5000  # a limit is looked at after each read
    assert endless.sent_bytes < TAKEN_BYTES_MAX


@some_peers
async def test_of_an_error_of_ten_megabytes_64_kib_are_read(peer: Peer) -> None:
    endless = Endless(head("500 Oops", "content-length: 10485760", kind="text/plain"), b"a" * 65536)
    seen, _ = await seen_of(peer, endless, ONCE)
    assert type(seen.error) is rr.errors.ProviderError
    assert len(str(seen.error)) < 400
    assert endless.sent_bytes < TAKEN_BYTES_MAX


@some_peers
async def test_an_error_response_whose_body_never_ends_is_still_that_error(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riverrun.engine.http.transport.ERROR_BODY_S", 0.2)
    slow = error_body(peer.wire, 401, "no such key")
    waits = saying(head("401 No", "content-length: 9999", kind="application/json"), slow, then="stay")
    seen, server = await seen_of(peer, waits)
    assert type(seen.error) is rr.errors.Unauthorized
    assert "no such key" in str(seen.error)
    assert len(server.requests) == 1


# -- no connection ------------------------------------------------------------------------------------------------


def nobody_listens() -> tuple[socket.socket, int]:
    """A port that refuses: bound, so that nobody else takes it, and not listening."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, bound.getsockname()[1]


@every_peer
async def test_a_refused_connection_is_a_provider_error(peer: Peer) -> None:
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=3, base_delay_s=0.001))
    bound, port = nobody_listens()
    with bound:
        async with peer.engine(port, policy) as engine:
            seen = await consume(engine)
    assert type(seen.error) is rr.errors.ProviderError
    assert sum(isinstance(event, rr.RetryScheduled) for event in seen.events) == 2


@every_peer
async def test_a_server_that_takes_no_connection_runs_into_the_connect_clock(peer: Peer) -> None:
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1), stall=rr.StallPolicy(connect_s=0.2))
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # fills the queue: Linux then drops what else would connect
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        async with peer.engine(listener.getsockname()[1], policy) as engine:
            seen = await consume(engine)
    assert type(seen.error) is rr.errors.InferenceTimeout
    assert "connect" in str(seen.error)
