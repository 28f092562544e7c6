"""Making a connection: what a cancel, a resolver that hangs, or a thousand at once leave behind."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trio

import riverrun as rr
from riverrun.engine.core.causes import IdleStall
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.http.lookup import LOOKUPS_MAX
from riverrun.engine.http.transport import HTTPTransport
from riverrun.testing import Wire
from tests.sockets.conftest import sockets_open
from tests.sockets.peers import CLIENTS, QUESTION, Peer, check_whole, consume, impatient, until
from tests.sockets.raw import RawServer, answering, stream_body, whole

pytestmark = pytest.mark.sockets


# -- a cancel inside a TLS handshake ----------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Silent:
    """Accepts, reads what comes, and never answers a handshake; asked for a tunnel, it grants that first."""

    def __init__(self) -> None:
        self.greeted = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        if (await stream.receive_some()).startswith(b"CONNECT"):
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
            await stream.receive_some()
        self.greeted += 1
        while await stream.receive_some():
            pass


async def cancel_in_handshakes(client: str, times: int, *, through_proxy: bool = False) -> int:
    """How many sockets are left."""
    server = Silent()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, server.serve, 0)
        port = listeners[0].socket.getsockname()[1]
        options = {"proxy": f"http://127.0.0.1:{port}"} if through_proxy else {}
        transport = HTTPTransport(CLIENTS[client](**options))
        wire = WireRequest(f"https://127.0.0.1:{port}", {}, b"")
        before = sockets_open()
        for number in range(times):
            async with trio.open_nursery() as opening:
                opening.start_soon(lambda: transport.open(wire, connect_s=5.0))
                await until(lambda number=number: server.greeted > number)  # type: ignore[misc]
                opening.cancel_scope.cancel()
        with trio.move_on_after(2.0):  # the server's side closes when it has seen ours close
            await until(lambda: sockets_open() == before)
        left = sockets_open() - before
        nursery.cancel_scope.cancel()
    await transport.aclose()
    return left


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_cancel_inside_a_tls_handshake_leaves_no_socket(client: str, no_collector: None) -> None:
    assert await cancel_in_handshakes(client, 300) == 0


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
async def test_a_cancel_inside_a_handshake_through_a_proxy_leaves_no_socket(client: str, no_collector: None) -> None:
    assert await cancel_in_handshakes(client, 50, through_proxy=True) == 0


# -- cookies ----------------------------------------------------------------------------------------------------------


async def test_the_engines_own_client_keeps_no_cookie() -> None:
    peer = Peer(Wire.OPENAI, "own")
    baked = whole("200 OK", stream_body(peer.wire, "ok"), "set-cookie: backend=7; Path=/", kind="text/event-stream")
    refused = whole("503 No", b"{}", "set-cookie: backend=8")

    async def say(stream: trio.SocketStream, number: int) -> bool:
        await stream.send_all(refused if number == 1 else baked)
        return True

    async with RawServer(say) as server, peer.engine(server.port) as engine, engine:
        for _ in range(2):
            check_whole(await consume(engine), "ok")
    assert len(server.requests) == 3
    assert not [request for request in server.requests if b"cookie" in request.lower()]


# -- names ------------------------------------------------------------------------------------------------------------


class Names(trio.abc.HostnameResolver):
    """A resolver in the place of the system's: one name hangs in a thread of trio's, others lead to this machine."""

    def __init__(self, addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self.addresses = addresses
        self.asked: list[bytes] = []
        self.released = threading.Event()

    async def getaddrinfo(self, host: Any, port: Any, *args: Any, **named: Any) -> list[Any]:
        self.asked.append(host)
        if host == b"hangs.test":
            await trio.to_thread.run_sync(self.released.wait, abandon_on_cancel=True)
        kinds = {"127": socket.AF_INET, "::1": socket.AF_INET6}
        return [(kinds[at[:3]], socket.SOCK_STREAM, 6, "", (at, port)) for at in self.addresses]

    async def getnameinfo(self, *args: Any) -> Any:
        raise NotImplementedError


async def ask_by_names(names: Names, hanging: int) -> tuple[list[object], str]:
    """Why runs ended whose name is not looked up, and what a run of a healthy provider said beside them."""
    trio.socket.set_custom_hostname_resolver(names)
    causes: list[object] = []

    async def hang(engine: rr.Engine) -> None:
        async with engine.open_stream(QUESTION) as run:
            with pytest.raises(rr.InferenceError):
                await run.receive()
        causes.append(run.attempts[-1].cause)

    async with RawServer(answering(Wire.OPENAI, "ok")) as server, trio.open_nursery() as nursery:
        engines = [engine_at(name, server.port) for name in ("hangs.test", "fine.test")]
        for _ in range(hanging):
            nursery.start_soon(hang, engines[0])
        await trio.sleep(0.1)
        text = (await engines[1].complete(QUESTION)).text
    names.released.set()
    return causes, text


def engine_at(name: str, port: int) -> rr.Engine:
    provider = rr.OpenAIChat("m", api_key="k", base_url=f"http://{name}:{port}/v1", allow_insecure=True)
    return rr.Engine(provider, policy=impatient("connect_s", attempts_max=1))


async def test_lookups_that_hang_are_told_as_that_and_stop_nobody_else() -> None:
    names = Names()
    causes, text = await ask_by_names(names, 45)
    assert (causes, text) == ([IdleStall("resolve")] * 45, "ok")


async def test_requests_at_the_same_time_share_a_lookup() -> None:
    names = Names()
    await ask_by_names(names, 45)
    assert names.asked.count(b"hangs.test") <= LOOKUPS_MAX


@pytest.mark.parametrize("addresses", [("127.0.0.2", "127.0.0.1"), ("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
async def test_an_address_that_leads_nowhere_is_followed_by_the_next(addresses: tuple[str, ...]) -> None:
    assert await ask_by_names(Names(addresses), 0) == ([], "ok")
