"""HTTP/2, which a caller's client may speak: a connection that is told to go away costs no part of an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import httpx
import httpx2
import pytest
import trio

import riverrun as rr
from riverrun.testing import Wire
from tests.sockets.peers import CLAUDE, ECHOING, NO_TLS, SLOW, SeenHere, check_whole, consume
from tests.sockets.raw import stream_body

h2_connection = pytest.importorskip("h2.connection")
h2_config = pytest.importorskip("h2.config")
pytestmark = pytest.mark.sockets

Says: TypeAlias = Callable[[Any, int, bytes], bool]
"""Tells an h2 connection what to answer a stream with, given a whole answer; returns whether the connection stays."""
TEXT = "πάντα ῥεῖ: 川は流れる 🌊 " * 8
KIND = [(":status", "200"), ("content-type", "text/event-stream")]


def whole(connection: Any, stream_id: int, body: bytes) -> bool:
    connection.send_headers(stream_id, KIND)
    connection.send_data(stream_id, body, end_stream=True)
    return True


def whole_with_empty_frames(connection: Any, stream_id: int, body: bytes) -> bool:
    """Say it with DATA frames of no bytes before, between and after."""
    connection.send_headers(stream_id, KIND)
    for part in (b"", body[:700], b"", b"", body[700:], b""):
        connection.send_data(stream_id, part)
    connection.send_data(stream_id, b"", end_stream=True)
    return True


def goes_away(connection: Any, stream_id: int, body: bytes, *, sent: int, last: int, code: int = 0) -> bool:
    """Send some of it and a GOAWAY that says which streams were taken, and close."""
    connection.send_headers(stream_id, KIND)
    connection.send_data(stream_id, body[:sent])
    connection.close_connection(error_code=code, last_stream_id=last)
    return False


def whole_and_goes_away(connection: Any, stream_id: int, body: bytes) -> bool:
    """Finish the answer with the GOAWAY in the same write: the connection is dead for whoever comes next."""
    whole(connection, stream_id, body)
    connection.close_connection(last_stream_id=stream_id)
    return False


AWAY: dict[str, Says] = {
    "before anything": partial(goes_away, sent=0, last=0),
    "in the middle, and the stream was not taken": partial(goes_away, sent=700, last=0),
    "in the middle, and the stream was taken": partial(goes_away, sent=700, last=1),
    "in the middle, with an error": partial(goes_away, sent=700, last=1, code=11),
}


class GoingAway:
    """Answers the n-th request over HTTP/2 without TLS with the n-th of these, and later ones with the last."""

    def __init__(self, *says: Says) -> None:
        self._says: Sequence[Says] = says
        self.requests = 0
        self.connections = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        connection = h2_connection.H2Connection(h2_config.H2Configuration(client_side=False))
        connection.initiate_connection()
        stays = True
        while stays:
            await stream.send_all(connection.data_to_send())
            data = await stream.receive_some()
            ended = [event for event in connection.receive_data(data) if type(event).__name__ == "StreamEnded"]
            for event in ended:
                stays = self._answer(connection, event.stream_id) and stays
            stays = stays and bool(data)
        await stream.send_all(connection.data_to_send())

    def _answer(self, connection: Any, stream_id: int) -> bool:
        says = self._says[min(self.requests, len(self._says) - 1)]
        self.requests += 1
        return says(connection, stream_id, stream_body(Wire.ANTHROPIC, TEXT))


async def runs_against(server: GoingAway, client_class: Any, runs: int = 1, key: str | None = None) -> list[SeenHere]:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        origin = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with client_class(http1=False, http2=True, verify=NO_TLS, trust_env=False) as client:
            provider = rr.Anthropic(CLAUDE, base_url=origin, api_key=key, client=client, capabilities=ECHOING)
            engine = rr.Engine(provider, policy=SLOW)
            seen = [await consume(engine) for _ in range(runs)]
        nursery.cancel_scope.cancel(reason="the clients have left")
    return seen


both_clients = pytest.mark.parametrize("client_class", [httpx.AsyncClient, httpx2.AsyncClient])


@both_clients
@pytest.mark.parametrize("name", AWAY)
async def test_a_goaway_in_an_answer_is_an_interruption_and_the_next_connection_goes_on(
    client_class: Any, name: str
) -> None:
    server = GoingAway(AWAY[name], whole)
    [seen] = await runs_against(server, client_class)
    check_whole(seen, TEXT)
    assert (server.requests, server.connections) == (2, 2)
    assert seen.result is not None
    assert seen.result.attempts[0].cause == rr.causes.GoAway()


@both_clients
async def test_an_empty_frame_is_no_end_of_the_answer(client_class: Any) -> None:
    server = GoingAway(whole_with_empty_frames)
    [seen] = await runs_against(server, client_class)
    check_whole(seen, TEXT)
    assert server.requests == 1


@both_clients
async def test_a_goaway_after_an_answer_costs_the_next_one_nothing(client_class: Any) -> None:
    server = GoingAway(whole_and_goes_away, whole_and_goes_away, whole)
    for seen in await runs_against(server, client_class, runs=3):
        check_whole(seen, TEXT)
