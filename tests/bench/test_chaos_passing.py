"""Where no fault is drawn: every byte of a body, both ways, at the pace of the slower side."""

from __future__ import annotations

import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riverrun.engine.bench.chaos import passing, proxy
from riverrun.engine.bench.chaos.proxy import Chaos, open_chaos
from riverrun.engine.bench.chaos.rows import Ended
from riverrun.engine.core.usage_error import UsageError
from riverrun.testing import Wire
from tests.bench.chaos_clients import Got, ask_once, asking, is_whole, open_client, run, unframed
from tests.sockets.peers import until
from tests.sockets.raw import CHUNKED, END, Answering, RawServer, chunk, head, saying, whole

pytestmark = pytest.mark.sockets

PIECES = [b"data: {}\n\n", b"\x00\xff\r\n\r\n0\r\n\r\n", "水は".encode()[:4], b"x" * 70_000, b"\n"]
BODY = b"".join(PIECES)


@asynccontextmanager
async def upstream(answering: Answering, path: str = "", **options: Any) -> AsyncIterator[tuple[RawServer, Chaos]]:
    """An upstream and a proxy without faults in front of it."""
    async with (
        RawServer(answering, **options) as server,
        open_chaos(upstream=f"http://127.0.0.1:{server.port}{path}") as chaos,
    ):
        yield server, chaos


def behind(*parts: bytes, then: str = "close") -> Answering:
    return saying(*parts, then=then)


async def passed(answering: Answering, request: bytes | None = None, **options: Any) -> tuple[Got, RawServer, Chaos]:
    """Ask once through a proxy without faults; what came, and what the upstream saw."""
    async with (
        RawServer(answering) as server,
        open_chaos(upstream=f"http://127.0.0.1:{server.port}", **options) as chaos,
    ):
        got = await ask_once(chaos.port, request or asking())
        await until(lambda: chaos.connections_open == 0)
        return got, server, chaos


FRAMINGS = {
    "chunks": (head("200 OK", CHUNKED), *map(chunk, PIECES), END),
    "a length": (head("200 OK", f"content-length: {len(BODY)}"), *PIECES),
    "the connection's end": (head("200 OK"), *PIECES),
    "one byte a write": (head("200 OK", CHUNKED), *(bytes([byte]) for byte in chunk(BODY[:300])), END),
    "chunks and a length": (head("200 OK", CHUNKED, "content-length: 3"), *map(chunk, PIECES), END),
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_passes_byte_for_byte_however_it_is_framed(framing: str) -> None:
    got, _, chaos = run(lambda: passed(behind(*FRAMINGS[framing])))
    assert (got.body, got.end) == (BODY[:300] if "byte" in framing else BODY, "whole")
    assert ("content-length" in got.headers) == (framing == "a length")
    assert [row.ended for row in chaos.rows.rows] == [Ended.WHOLE]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(min_size=1, max_size=400), max_size=8))
def test_any_bytes_in_any_chunks_pass(pieces: list[bytes]) -> None:
    got, _, _ = run(lambda: passed(behind(head("200 OK", CHUNKED), *map(chunk, pieces), END)))
    assert (got.body, got.end) == (b"".join(pieces), "whole")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_coded_body_passes_as_it_is(coding: str) -> None:
    coded = {"gzip": gzip.compress(BODY), "deflate": zlib.compress(BODY), "br": b"\x8b\x02\x80hello\x03"}[coding]
    answer = behind(head("200 OK", CHUNKED, f"content-encoding: {coding}"), chunk(coded), END)
    got, server, chaos = run(lambda: passed(answer, asking(Wire.OPENAI, "accept-encoding: gzip, br")))
    assert (got.body, got.headers["content-encoding"]) == (coded, coding)
    assert b"accept-encoding: gzip, br" in server.requests[0].lower()
    assert chaos.rows.rows[0].events is None


def test_trailers_pass_with_chunks() -> None:
    answer = behind(head("200 OK", CHUNKED, "trailer: x-sum"), chunk(b"abc"), b"0\r\nx-sum: 7f\r\n\r\n")
    got, _, _ = run(lambda: passed(answer))
    assert (got.body, got.trailers, got.headers["trailer"]) == (b"abc", b"x-sum: 7f", "x-sum")


@pytest.mark.parametrize(
    ("status", "body"),
    [("307 Temporary Redirect", b""), ("429 Slow", b'{"error": 1}'), ("500 Oh", b"<html>"), ("204 None", b"")],
)
def test_any_status_passes_and_no_redirect_is_followed(status: str, body: bytes) -> None:
    answer = behind(whole(status, body, "location: http://127.0.0.1:1/elsewhere", "retry-after: 7", "x-request-id: 1"))
    got, server, chaos = run(lambda: passed(answer))
    assert (got.head.split(b"\r\n")[0], got.body) == (f"HTTP/1.1 {status}".encode(), body)
    assert got.headers["location"] == "http://127.0.0.1:1/elsewhere"
    assert (got.headers["retry-after"], got.headers["x-request-id"]) == ("7", "1")
    assert (len(server.requests), chaos.rows.rows[0].status) == (1, int(status[:3]))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH"])
def test_other_methods_and_paths_pass_and_draw_no_fault(method: str) -> None:
    answer = behind(head("200 OK", "content-length: 2", kind="application/json") + (b"" if method == "HEAD" else b"[]"))
    request = f"{method} /v1/models?limit=3&q=%20 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    got, server, chaos = run(lambda: passed(answer, request, faults=["429"]))
    assert got.status == 200
    assert server.requests[0].startswith(f"{method} /v1/models?limit=3&q=%20 HTTP/1.1\r\n".encode())
    assert [(row.what, row.wire, row.fault) for row in chaos.rows.rows] == [(f"{method} /v1/models", "", "")]


def test_a_request_passes_with_its_headers_but_those_of_the_connection() -> None:
    request = asking(
        Wire.ANTHROPIC, "X-Api-Key: k", "Anthropic-Beta: a, b", "Connection: x-mine", "X-Mine: 1", "TE: trailers"
    )
    _, server, _ = run(lambda: passed(behind(whole("200 OK", b"{}")), request))
    lines = server.requests[0].partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[1] == f"Host: 127.0.0.1:{server.port}".encode()
    assert b"X-Api-Key: k" in lines
    assert b"Anthropic-Beta: a, b" in lines
    assert lines[-1] == b"Connection: close"
    assert not [line for line in lines if line.lower().startswith((b"x-mine", b"te:"))]
    assert server.requests[0].endswith(request.partition(b"\r\n\r\n")[2])


def test_the_upstreams_path_stands_before_the_requests() -> None:
    async def main() -> bytes:
        async with upstream(behind(whole("200 OK", b"{}")), path="/gateway/") as (server, chaos):
            await ask_once(chaos.port, asking(Wire.OPENAI, path="/openai/v1/chat/completions?v=1"))
            assert chaos.rows.rows[0].wire == "openai"
            return server.requests[0]

    assert run(main).startswith(b"POST /gateway/openai/v1/chat/completions?v=1 HTTP/1.1\r\n")


LARGE = bytes(range(251)) * (passing.HELD_BYTES_MAX // 251 + 1000)


@pytest.mark.parametrize("framing", ["chunks", "a length"])
def test_a_request_larger_than_what_is_held_streams_through(framing: str) -> None:
    seen = bytearray()
    sent = chunk(LARGE) + END if framing == "chunks" else LARGE
    line = CHUNKED if framing == "chunks" else f"content-length: {len(LARGE)}"

    async def serve(stream: trio.SocketStream) -> None:
        while not is_whole(*bytes(seen).partition(b"\r\n\r\n")[::2]):
            seen.extend(await stream.receive_some())
        await stream.send_all(whole("200 OK", b"ok", "connection: close"))

    async def main() -> Got:
        async with serving(serve) as port, open_chaos(upstream=f"http://127.0.0.1:{port}") as chaos:
            start = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode()
            return await ask_once(chaos.port, start + sent)

    assert run(main).body == b"ok"
    assert unframed(*bytes(seen).partition(b"\r\n\r\n")[::2])[0] == LARGE


@asynccontextmanager
async def serving(handler: Any, **options: Any) -> AsyncIterator[int]:
    """An upstream that does what a test says with each connection."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

        async def handled(stream: trio.SocketStream) -> None:
            try:
                await handler(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

        nursery.start_soon(partial(trio.serve_listeners, handled, listeners))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def test_a_body_that_waits_for_100_continue_gets_it() -> None:
    async def main() -> bytes:
        async with upstream(behind(whole("200 OK", b"{}"))) as (server, chaos):
            client = await open_client(chaos.port)
            start, _, body = asking(Wire.OPENAI, "Expect: 100-continue").partition(b"\r\n\r\n")
            await client.stream.send_all(start + b"\r\n\r\n")
            told = bytes(await client.stream.receive_some())
            got = await client.ask(body)
            await client.stream.aclose()
            assert b"expect" not in server.requests[0].lower()
            return told + got.body

    assert run(main) == b"HTTP/1.1 100 \r\n\r\n{}"


def test_a_connection_takes_one_request_after_the_other_also_ahead_of_time() -> None:
    async def main() -> list[bytes]:
        async with upstream(behind(whole("200 OK", b"{}"))) as (_, chaos):
            client = await open_client(chaos.port)
            bodies = [(await client.ask(asking())).body, (await client.ask(asking() + asking())).body]
            bodies.append((await client.ask(b"")).body)
            await client.stream.aclose()
            assert chaos.rows.count == 3
            return bodies

    assert run(main) == [b"{}"] * 3


def test_an_answer_of_http_1_0_is_passed_to_a_client_of_it() -> None:
    request = asking().replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    got, _, _ = run(lambda: passed(behind(head("200 OK", CHUNKED), chunk(b"abc"), END), request))
    assert (got.body, got.end) == (b"abc", "whole")
    assert "transfer-encoding" not in got.headers


# -- pace -------------------------------------------------------------------------------------------------------------


def test_what_comes_passes_at_once_and_not_with_the_next() -> None:
    async def main() -> None:
        gate = trio.Event()

        async def answer(stream: trio.SocketStream, number: int) -> bool:
            await stream.send_all(head("200 OK", CHUNKED) + chunk(b"one"))
            await gate.wait()
            await stream.send_all(chunk(b"two") + END)
            return False

        async with upstream(answer) as (_, chaos):
            client = await open_client(chaos.port)
            got = await client.ask(asking(), 0.3)
            assert (got.body, got.end) == (b"one", "silent")
            gate.set()
            assert (await client.ask(b"")).body == b"onetwo"
            await client.stream.aclose()

    run(main)


def test_a_client_that_stops_reading_stops_the_upstream() -> None:
    async def main() -> None:
        sent = 0

        async def answer(stream: trio.SocketStream, number: int) -> bool:
            nonlocal sent
            await stream.send_all(head("200 OK", CHUNKED))
            while True:
                await stream.send_all(chunk(b"x" * 65536))
                sent += 65536

        async with upstream(answer, send_buffer_bytes=32768) as (server, chaos):
            client = await open_client(chaos.port)
            await client.stream.send_all(asking())
            before = -1
            while sent != before:  # until nothing moves any more
                before = sent
                await trio.sleep(0.3)
            assert 0 < sent < 32 * 1024 * 1024
            await trio.aclose_forcefully(client.stream)
            await until(lambda: server.open_now == 0)

    run(main)


@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("when", ["before the head", "in the body"])
def test_a_client_that_leaves_closes_the_upstream_at_once(how: str, when: str) -> None:
    async def main() -> None:
        parts = [head("200 OK", CHUNKED) + chunk(b"one")] if when == "in the body" else []
        async with upstream(saying(*parts, then="stay")) as (server, chaos):
            client = await open_client(chaos.port)
            await client.ask(asking(), 0.2)
            assert server.open_now == 1
            if how == "resets":
                client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await client.stream.aclose()
            await until(lambda: server.open_now == 0, 1.0)
            await until(lambda: chaos.rows.rows[0].ended is Ended.CLIENT_LEFT, 1.0)

    run(main)


def test_leaving_the_block_stops_what_is_under_way() -> None:
    async def main() -> None:
        async with upstream(saying(head("200 OK", CHUNKED) + chunk(b"one"), then="stay")) as (_, chaos):
            client = await open_client(chaos.port)
            await client.ask(asking(), 0.2)
        assert chaos.rows.rows[0].ended is Ended.STOPPED
        await trio.aclose_forcefully(client.stream)

    run(main)


# -- an upstream that fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", ["close", "reset"])
def test_an_upstream_that_breaks_off_breaks_the_answer_off_in_the_same_way(then: str) -> None:
    got, _, chaos = run(lambda: passed(saying(head("200 OK", CHUNKED), chunk(b"one"), then=then)))
    assert (got.body if then == "close" else b"one", got.end) == (b"one", {"close": "closed", "reset": "reset"}[then])
    assert chaos.rows.rows[0].ended is Ended.UPSTREAM_BROKE


@pytest.mark.parametrize(
    ("parts", "says"),
    [((), "closed the connection before its answer"), ((b"SSH-2.0-x\r\n\r\n",), "or spoke no HTTP/1.1")],
)
def test_an_upstream_without_an_answer_is_502_in_the_providers_words(parts: tuple[bytes, ...], says: str) -> None:
    got, _, chaos = run(lambda: passed(saying(*parts, then="close")))
    assert (got.status, chaos.rows.rows[0].ended) == (502, Ended.NO_UPSTREAM)
    assert says in got.json["error"]["message"]


def test_an_upstream_that_is_not_there_is_502_and_says_why() -> None:
    async def main() -> Got:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        async with open_chaos(upstream=f"http://127.0.0.1:{port}") as chaos:
            client = await open_client(chaos.port)
            first, second = await client.ask(asking()), await client.ask(asking())
            await client.stream.aclose()
            assert first == second or first.status == second.status
            return second

    got = run(main)
    assert got.status == 502
    assert "can not be reached: Connection refused" in got.json["error"]["message"]


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def tls_upstream(authority: trustme.CA, name: str) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)

    async def serve(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        seen = bytearray()
        while not is_whole(*bytes(seen).partition(b"\r\n\r\n")[::2]):
            seen += await secured.receive_some()
        await secured.send_all(head("200 OK", CHUNKED) + chunk(BODY) + END)
        await secured.aclose()

    async with serving(serve) as port:
        yield port


async def asked_over_tls(port: int, trusted: ssl.SSLContext) -> Got:
    async with open_chaos(upstream=f"https://localhost:{port}", trusted=trusted) as chaos:
        return await ask_once(chaos.port, asking())


def test_an_upstream_of_https_passes_byte_for_byte(authority: trustme.CA) -> None:
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)

    async def main() -> Got:
        async with tls_upstream(authority, "localhost") as port:
            return await asked_over_tls(port, trusted)

    got = run(main)
    assert (got.body, got.end) == (BODY, "whole")


@pytest.mark.parametrize(("name", "is_trusted"), [("localhost", False), ("elsewhere.example", True)])
def test_a_certificate_that_is_not_trusted_is_502(authority: trustme.CA, name: str, is_trusted: bool) -> None:
    trusted = ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(trusted)

    async def main() -> Got:
        async with tls_upstream(authority, name) as port:
            return await asked_over_tls(port, trusted)

    got = run(main)
    assert got.status == 502
    assert "its certificate is not trusted" in got.json["error"]["message"]


# -- bounds and addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"y" * 70_000, 431),
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400),
        (b"GET http://127.0.0.1/x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_what_is_no_request_of_a_client_is_refused(request_bytes: bytes, status: int) -> None:
    async def main() -> int:
        async with open_chaos() as chaos:
            return (await ask_once(chaos.port, request_bytes)).status

    assert run(main) == status


def test_connections_beyond_the_bound_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "CONNECTIONS_MAX", 2)

    async def main() -> str:
        async with open_chaos() as chaos:
            held = [await open_client(chaos.port) for _ in range(2)]
            await until(lambda: chaos.connections_open == 2)
            end = (await ask_once(chaos.port, asking())).end
            for client in held:
                await client.stream.aclose()
            await until(lambda: chaos.connections_open == 0)
            assert (await ask_once(chaos.port, asking())).end == "whole"
            return end

    assert run(main) in ("closed", "reset")


def test_a_connection_that_rests_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "IDLE_S", 0.1)

    async def main() -> str:
        async with open_chaos() as chaos:
            return (await ask_once(chaos.port, b"GET /")).end

    assert run(main) == "closed"


def test_the_table_drops_its_oldest_rows() -> None:
    async def main() -> None:
        async with open_chaos() as chaos:
            chaos.rows.rows = type(chaos.rows.rows)(maxlen=3)
            client = await open_client(chaos.port)
            for _ in range(5):
                await client.ask(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await client.stream.aclose()
            assert [row.number for row in chaos.rows.rows] == [3, 4, 5]
            assert chaos.rows.count == 5

    run(main)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "userinfo": ({"upstream": "https://u:canary@example.com"}, "holds userinfo before the host; expected none"),
    "a query": ({"upstream": "https://example.com?key=canary"}, "upstream holds a query or a fragment"),
    "no scheme": ({"upstream": "example.com"}, "upstream has no scheme; write 'https://example.com'"),
    "http elsewhere": ({"upstream": "http://example.com"}, "which is not encrypted"),
    "itself": ({"upstream": "http://localhost:9177", "listen": "127.0.0.1:9177"}, "where chaos itself would listen"),
    "every address": (
        {"listen": "0.0.0.0:0"},
        "which other machines can reach; expected a loopback address, or allow_remote",
    ),
    "no port": ({"listen": "localhost"}, "expected HOST:PORT"),
    "no number": ({"listen": "localhost:99999"}, "expected HOST:PORT"),
    "a fault": ({"faults": ["nope"]}, "names no kind"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_is_refused_before_anything_is_opened(name: str) -> None:
    options, says = REFUSED[name]
    with pytest.raises(UsageError) as caught:
        open_chaos(**options)
    assert says in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_port_in_use_says_so() -> None:
    async def main() -> None:
        async with open_chaos() as first:
            with pytest.raises(UsageError, match=f"listen 127.0.0.1:{first.port} is in use; expected a free port"):
                async with open_chaos(listen=f"127.0.0.1:{first.port}"):
                    raise AssertionError

    run(main)


def test_it_listens_on_ipv6_too() -> None:
    async def main() -> str:
        async with open_chaos(listen="[::1]:0") as chaos:
            stream = await trio.open_tcp_stream("::1", chaos.port)
            await stream.send_all(b"GET /_chaos/faults HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n")
            said = bytes(await stream.receive_some())
            await stream.aclose()
            assert said.startswith(b"HTTP/1.1 200")
            return chaos.url

    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    assert run(main).startswith("http://[::1]:")
