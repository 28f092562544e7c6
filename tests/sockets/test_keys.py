"""A canary for a key, planted and searched for in everything that a run leaves behind, however it fails."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import riverrun as rr
from riverrun.engine.core.codec import unstructure
from riverrun.engine.core.provider import Provider
from riverrun.engine.core.secret import Secret
from riverrun.engine.http.quiet_logs import KnownSecrets
from riverrun.engine.testing.wire.formats import Reply, events_of
from riverrun.testing import RIVERS, Wire
from tests.sockets.peers import CANARY, CLIENTS, QUESTION, WIRES, Peer, every_peer
from tests.sockets.raw import CHUNKED, Answering, RawServer, answering, chunk, head, in_turn, saying, whole
from tests.sockets.test_goaway import GoingAway, both_clients, runs_against
from tests.sockets.test_goaway import whole as h2_whole

pytestmark = pytest.mark.sockets

POLICY = rr.Policy(
    retry=rr.RetryPolicy(attempts_max=2, base_delay_s=0.001, rate_limit_base_delay_s=0.001),
    stall=rr.StallPolicy(headers_s=0.3),
)
ECHO = f"your key {CANARY} (Bearer {CANARY}, sent as x-api-key: {CANARY})"


def complaint(wire: Wire, message: str = ECHO, code: str | None = None) -> bytes:
    error: dict[str, object] = {"type": code or "invalid_request_error", "message": message, "code": code}
    body = {"error": error, "request_id": CANARY}
    return json.dumps(body | {"type": "error"} if wire is Wire.ANTHROPIC else body).encode()


def in_stream(wire: Wire, error: bytes) -> bytes:
    some = b"".join(events_of(wire, Reply(1, "m", ["said ", "so ", "far"]))[:5])
    return some + (b"event: error\n" if wire is Wire.ANTHROPIC else b"") + b"data: " + error + b"\n\n"


FAILING: dict[str, Callable[[Wire], Answering]] = {
    "401 that echoes": lambda wire: saying(whole("401 No", complaint(wire))),
    "400 that echoes it twice over the cut": lambda wire: saying(whole("400 No", complaint(wire, "x" * 180 + ECHO))),
    "500 that echoes in its code": lambda wire: saying(whole("500 No", complaint(wire, code=CANARY))),
    "500 in HTML that echoes": lambda wire: saying(whole("500 No", f"<p>{ECHO}</p>".encode(), kind="text/html")),
    "200 in JSON that echoes": lambda wire: saying(whole("200 OK", complaint(wire))),
    "200 of a type that echoes": lambda wire: saying(whole("200 OK", b"{}", kind=f"text/html; x={CANARY}")),
    "429 whose hint echoes": lambda wire: saying(whole("429 No", complaint(wire), f"retry-after: {CANARY}")),
    "307 that echoes": lambda wire: saying(whole("307 No", b"", f"location: http://127.0.0.1:1/?key={CANARY}")),
    "an error in the stream that echoes": lambda wire: saying(head() + in_stream(wire, complaint(wire))),
    "an overload in the stream that echoes": lambda wire: saying(
        head() + in_stream(wire, complaint(wire, code="overloaded_error"))
    ),
    "an event of an unknown kind that echoes": lambda wire: saying(
        head() + b"event: " + CANARY.encode() + b'\ndata: {"type": "' + CANARY.encode() + b'"}\n\n'
    ),
    "data that is no JSON and echoes": lambda wire: saying(head() + b"data: {" + CANARY.encode() + b"\n\n"),
    "a status that echoes": lambda wire: saying(whole(f"418 {CANARY}", b"{}", f"x-echo: {CANARY}")),
    "a status that echoes and is none": lambda wire: saying(f"HTTP/1.1 {CANARY}\r\n\r\n".encode()),
    "a head that echoes and is none": lambda wire: saying(CANARY.encode() + b"\r\n\r\n"),
    "a header that echoes and is none": lambda wire: saying(
        b"HTTP/1.1 200 OK\r\n" + CANARY.encode() + b"\x00: \x00\r\n\r\n"
    ),
    "a chunk size that echoes": lambda wire: saying(head("200 OK", CHUNKED) + CANARY.encode() + b"\r\n"),
    "a reset": lambda wire: saying(head("200 OK", CHUNKED), chunk(b"da"), then="reset"),
    "no headers": lambda wire: saying(then="stay"),
    "a connection that closes": lambda wire: saying(),
    "a reset, then the answer": lambda wire: in_turn(saying(then="reset"), answering(wire, RIVERS.text)),
}


class Trail:
    """Everything a run leaves behind, as text, each with its place."""

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []

    def add(self, place: str, *things: object) -> None:
        self.places += [(f"{place}: {form}", text) for thing in things for form, text in shown_forms(thing)]

    def add_error(self, error: BaseException) -> None:
        self.add("error", error, *error.args, vars(error))
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.places.append(("traceback with locals", "".join(told.format())))

    def add_files(self, folder: Path) -> None:
        self.places += [(path.name, path.read_bytes().decode("latin-1")) for path in folder.iterdir()]

    def check(self, key: str = CANARY) -> None:
        found = [(place, text[max(text.find(key) - 200, 0) :][:300]) for place, text in self.places if key in text]
        assert found == []


def shown_forms(thing: object) -> list[tuple[str, str]]:
    return [("repr", repr(thing)), ("str", str(thing)), ("format", f"{thing}")]


async def leave_trail(peer: Peer, server: RawServer, trail: Trail, folder: Path) -> None:
    """Run once with a store and look at everything while it is there."""
    store = rr.SQLiteStore(folder / "runs.db")
    async with peer.engine(server.port, POLICY, store=store) as engine, store:
        block = engine.open_stream(QUESTION, run_id="a")
        trail.add("objects", engine, engine.provider, block, vars(engine), store)
        try:
            async with block as run:
                async for event in run:
                    trail.add("event", event)
                    trail.add("run", run, vars(run), run.snapshot(), run.attempts)
                trail.add("result", run.result, unstructure(run.result, rr.StreamResult))
        except rr.InferenceError as error:
            trail.add_error(error)
        trail.add_files(folder)


@every_peer
@pytest.mark.parametrize("name", FAILING)
async def test_the_key_is_nowhere_after_a_failure(
    peer: Peer, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trail = Trail()
    with caplog.at_level(logging.DEBUG):
        async with RawServer(FAILING[name](peer.wire)) as server:
            await leave_trail(peer, server, trail, tmp_path)
            assert any(CANARY.encode() in request for request in server.requests)
    trail.add("log", [record.getMessage() for record in caplog.records])
    assert {"runs.db", "error: repr"} <= {place for place, _ in trail.places} or "then the answer" in name
    trail.check()


@both_clients
async def test_no_library_logs_the_key_over_http2(client_class: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        seen = await runs_against(GoingAway(h2_whole), client_class, runs=2, key=CANARY)
    texts = [f"{record.name}: {record.getMessage()}" for record in caplog.records]
    assert [one.error for one in seen] == [None, None]
    assert any("hpack" in text and "x-api-key" in text for text in texts)
    assert [text for text in texts if CANARY in text or "Encoded header block" in text] == []


def test_a_key_with_quotes_and_backslashes_is_not_logged_as_bytes_either(caplog: pytest.LogCaptureFixture) -> None:
    key = "sk-'quoted\\and-more'-0123456789"
    known = KnownSecrets()
    known.add([Secret(key)])
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpcore.http11").debug("receive %r, %r", key.encode(), key)
    assert "quoted" not in caplog.text


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_that_is_not_ours_does_not_carry_the_key_in_its_frames(client: str, wire: Wire) -> None:
    trail = Trail()

    closed: Any = CLIENTS[client]()
    await closed.aclose()
    engine = rr.Engine(Peer(wire, client).provider(9, client=closed))
    with pytest.raises(RuntimeError) as caught:
        await engine.complete(QUESTION)
    trail.add_error(caught.value)
    trail.check()


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
async def test_a_client_that_raises_on_the_way_does_not_carry_the_key_either(client: str) -> None:
    trail = Trail()

    async def refuse(request: object) -> None:
        raise LookupError("a hook of the application's")

    hooked: Any = CLIENTS[client](event_hooks={"request": [refuse]})
    async with hooked:
        engine = rr.Engine(Peer(Wire.ANTHROPIC, client).provider(9, client=hooked))
        with pytest.raises(LookupError) as caught:
            await engine.complete(QUESTION)
        trail.add_error(caught.value)
    trail.check()


def provider_of(wire: Wire, **options: Any) -> Provider:
    kind = rr.Anthropic if wire is Wire.ANTHROPIC else rr.OpenAIChat
    path = "" if wire is Wire.ANTHROPIC else "/v1"
    return kind("m", base_url=f"http://127.0.0.1:9{path}", **options)


@pytest.mark.parametrize("wire", WIRES)
def test_the_objects_that_hold_the_key_do_not_show_it(wire: Wire) -> None:
    provider = provider_of(wire, api_key=CANARY)
    request = provider.encode(QUESTION)
    trail = Trail()
    trail.add("objects", provider, request, request.headers, vars(provider), rr.Engine(provider))
    trail.check()
    assert CANARY not in request.url
    assert CANARY.encode() not in request.body
    for thing in (provider, request, request.headers):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("bad", [CANARY + "\n", CANARY + " x", CANARY + "é", "\x00" + CANARY])
def test_a_malformed_key_is_refused_without_being_shown(wire: Wire, bad: str) -> None:
    with pytest.raises(rr.UsageError) as caught:
        provider_of(wire, api_key=bad)
    trail = Trail()
    trail.add("error", caught.value, *caught.value.args)
    trail.check()


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key", "x-auth-token", "cookie"])
async def test_a_key_among_the_callers_headers_is_a_key(name: str) -> None:
    provider = provider_of(Wire.OPENAI, headers={name: f"Bearer {CANARY}"})

    trail = Trail()
    async with RawServer(saying(whole("401 No", complaint(Wire.OPENAI)))) as server:
        there = rr.OpenAIChat("m", base_url=f"http://127.0.0.1:{server.port}/v1", headers={name: f"Bearer {CANARY}"})
        with pytest.raises(rr.errors.Unauthorized) as caught:
            await rr.Engine(there).complete(QUESTION)
        trail.add_error(caught.value)
        trail.add("objects", provider, there, provider.encode(QUESTION))
    trail.check()
