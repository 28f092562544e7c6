"""Passes one request on and its answer back, with the fault that was drawn for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from math import inf

import h11
import trio
from attrs import frozen

from ...core.printable import printable
from ...testing.network.script import Close, Reset, Silence
from ...testing.network.served import instead_of_stream
from ...testing.script.faults import FaultKind
from ...testing.wire.formats import Continuation, Wire, error_body, read_body, read_continuation, wire_of_path
from ...testing.wire.gemini import gemini_model
from .client import Client
from .draws import Draws
from .exchange import AnswerBroke, AnswerHead, Asking, Exchange, NoAnswer, end_to_end, value_of
from .meddling import BodyHead, EndOfBody, Meddler, Move
from .own_answers import OwnAnswers, Question
from .places import EventEdges
from .rows import NAME_CHARS_MAX, Ended, Row, Rows
from .spelling import Rule, Unit
from .upstream import Upstream

HELD_BYTES_MAX = 1024 * 1024
"""How much of a request's body is held, to read the model and the turns in it; of a longer one neither is known."""

HALF_CLOSED_S = 10.0
"""How long a client may leave a connection open that was half closed."""


@frozen
class Passing:
    """What all requests share: where they are passed on to, which faults stand, and the table.

    Exactly one of `upstream` and `own` is there.
    """

    draws: Draws
    rows: Rows
    upstream: Upstream | None = None
    own: OwnAnswers | None = None

    async def answer(self, client: Client, request: h11.Request, row: Row) -> Ended:
        """Answer one request; how it ended. If cancelled: the upstream's connection is closed.

        Raises:
            ClientLeft: the client has left.
            NotHTTP: the request's body is none.
        """
        asking, path = await _read(client, request)
        question = _question_of(path, asking) if request.method == b"POST" else None
        rule = self._drawn(question, row)
        self.rows.ask(row)
        if rule is not None and rule.place is None and question is not None:
            self.rows.strike(row)
            if rule.fault.kind is not FaultKind.SLOW_HEADERS:
                await _read_all(asking)
                return await _refuse(client, rule, question.wire, row)
            await trio.sleep(rule.fault.seconds)
            rule = None
        try:
            async with self._ask(_coded_not_at_all(asking, rule), question) as exchange:
                return await _Passed(self.rows, row, client, exchange).run(rule, question)
        except NoAnswer as error:
            row.status, row.note = 502, str(error)
            await _read_all(asking)
            wire = Wire.OPENAI if question is None else question.wire
            await client.send_whole(502, "application/json", error_body(wire, 502, f"chaos: {error}"))
            return Ended.NO_UPSTREAM

    def _drawn(self, question: Question | None, row: Row) -> Rule | None:
        """Draw a fault for what asks for a model's answer; everything else passes."""
        if question is None:
            return None
        row.wire, row.what = question.wire.value, printable(question.model, NAME_CHARS_MAX)
        rule = self.draws.draw(is_prefix=question.continuation.is_prefix)
        row.fault = "" if rule is None else str(rule)
        return rule

    @asynccontextmanager
    async def _ask(self, asking: Asking, question: Question | None) -> AsyncGenerator[Exchange, None]:
        if self.upstream is not None:
            async with self.upstream.ask(asking) as exchange:
                yield exchange
        elif self.own is not None:
            await _read_all(asking)
            async with self.own.ask(question) as exchange:
                yield exchange


# -- what is asked ----------------------------------------------------------------------------------------------------


async def _read(client: Client, request: h11.Request) -> tuple[Asking, str]:
    """Read a request up to the bound; what is beyond streams through."""
    headers = request.headers.raw_items()
    trailers: list[tuple[bytes, bytes]] = []
    held = bytearray()
    is_whole = False
    while not is_whole and len(held) < HELD_BYTES_MAX:
        data = await client.read_body(trailers)
        is_whole = not data
        held += data
    rest = None if is_whole else partial(client.read_body, trailers)
    is_chunked = bool(value_of(headers, b"transfer-encoding"))
    passed = end_to_end(headers, b"host", b"expect")
    asking = Asking(request.method, request.target, passed, is_chunked, bytes(held), rest, trailers)
    return asking, request.target.decode("latin-1").partition("?")[0]


async def _read_all(asking: Asking) -> None:
    """Read what is left of a request's body and drop it: a client that still sends reads no answer."""
    while asking.rest is not None and await asking.rest():
        pass


def _question_of(path: str, asking: Asking) -> Question | None:
    """Read what is asked of a model; None where the path is none of the formats'."""
    wire = _wire_of(path)
    if wire is None:
        return None
    body = read_body(asking.held)
    said = Continuation() if body is None else read_continuation(wire, body)
    model = gemini_model(path) or str((body or {}).get("model", ""))
    return Question(wire, path, model, body, said)


def _wire_of(path: str) -> Wire | None:
    """Return the format of a path, whatever stands before what is the format's own."""
    parts = path.split("/")
    ends = ("/" + "/".join(parts[at:]) for at in range(1, min(len(parts), 16)))
    return next((wire for end in ends if (wire := wire_of_path(end)) is not None), None)


def _coded_not_at_all(asking: Asking, rule: Rule | None) -> Asking:
    """Ask for a body without a coding where a fault has to read it."""
    if rule is None or not rule.looks_inside:
        return asking
    headers = [each for each in asking.headers if each[0].lower() != b"accept-encoding"]
    plain = [*headers, (b"Accept-Encoding", b"identity")]
    return Asking(asking.method, asking.target, plain, asking.is_chunked, asking.held, asking.rest, asking.trailers)


# -- what is answered -------------------------------------------------------------------------------------------------


async def _refuse(client: Client, rule: Rule, wire: Wire, row: Row) -> Ended:
    """Answer in the upstream's place."""
    if rule.fault.kind is FaultKind.CONNECT_ERROR:
        client.reset_when_closed()
        return Ended.FAULT
    answer = instead_of_stream(rule.fault, wire)
    row.status = answer.status
    hint = answer.retry_after_s
    more = [] if hint is None else [(b"Retry-After", f"{hint:g}".encode())]
    await client.send_whole(answer.status, answer.content_type, answer.body, more)
    row.bytes = len(answer.body)
    return Ended.FAULT


class _Passed:
    """One answer on its way to the client."""

    def __init__(self, rows: Rows, row: Row, client: Client, exchange: Exchange) -> None:
        self._rows = rows
        self._row = row
        self._client = client
        self._exchange = exchange
        self._edges = EventEdges("")
        self._is_chunked = False
        self._length: int | None = None

    async def run(self, rule: Rule | None, question: Question | None) -> Ended:
        """Pass it. Raises ClientLeft, and NoAnswer before anything was passed."""
        head = await self._exchange.receive_head()
        meddler = None
        if rule is not None and question is not None:
            content_type, coding = value_of(head.headers, b"content-type"), value_of(head.headers, b"content-encoding")
            meddler = Meddler(rule, BodyHead(question.wire, content_type, head.length, coding))
        await self._send_head(head, changes_length=rule is not None and rule.changes_length)
        if rule is not None and rule.place is not None and rule.place.unit is Unit.END:
            self._length = None  # something is done behind the last byte
        try:
            ended = await self._pass_body() if meddler is None else await self._meddle(meddler)
        except AnswerBroke as error:
            if error.is_reset:
                self._client.reset_when_closed()
            return Ended.UPSTREAM_BROKE
        if meddler is not None:
            self._row.note = meddler.why_not
        return ended

    async def _send_head(self, head: AnswerHead, *, changes_length: bool) -> None:
        is_coded = bool(value_of(head.headers, b"content-encoding"))
        self._edges = EventEdges("" if is_coded else value_of(head.headers, b"content-type"))
        headers = end_to_end(head.headers, b"content-length") if changes_length else head.headers
        self._is_chunked = not value_of(headers, b"content-length")
        self._length = None if self._is_chunked else head.length
        self._row.status = head.status
        self._row.events = 0 if self._edges.has_events else None
        await self._client.send_head(head.status, head.reason, headers)

    async def _pass_body(self) -> Ended:
        while data := await self._exchange.receive():
            await self._send(data)
        return await self._end(Ended.WHOLE)

    async def _end(self, ended: Ended) -> Ended:
        """End the body in order. The client may leave at once, so how it ended is noted here."""
        await self._client.send_end(self._exchange.trailers, is_chunked=self._is_chunked)
        self._rows.end(self._row, ended, trio.current_time())
        return ended

    async def _send(self, data: bytes) -> None:
        await self._client.send_data(data)
        self._edges.feed(data)
        self._row.bytes += len(data)
        if self._edges.has_events:
            self._row.events = self._edges.count
        if self._row.bytes == self._length:  # the client has it all, before the upstream's end is seen
            self._rows.end(self._row, Ended.WHOLE, trio.current_time())

    # -- with a fault -------------------------------------------------------------------------------------------------

    async def _meddle(self, meddler: Meddler) -> Ended:
        data = b""
        while True:
            for move in meddler.feed(data):
                if (ended := await self._play(move, meddler)) is not None:
                    return ended
            data = await self._exchange.receive()
            if not data:
                break
        for move in meddler.end():
            if (ended := await self._play(move, meddler)) is not None:
                return ended
        return Ended.WHOLE

    async def _play(self, move: Move, meddler: Meddler) -> Ended | None:
        """Play one step; how the answer ended, if it did."""
        if meddler.has_struck and not self._row.has_struck:
            self._rows.strike(self._row)
        match move:
            case Silence(seconds):
                await trio.sleep(inf if seconds is None else seconds)
            case Reset():
                self._client.reset_when_closed()
                return Ended.FAULT
            case Close():
                await self._half_close()
                return Ended.FAULT
            case EndOfBody():
                return await self._end(Ended.FAULT if meddler.is_over else Ended.WHOLE)
            case bytes():
                await self._send(move)
            case _:
                raise TypeError(f"{move} can not be played by a proxy")
        return None

    async def _half_close(self) -> None:
        """Close our side, and leave the client the time to take note."""
        await self._client.half_close()
        self._rows.end(self._row, Ended.FAULT, trio.current_time())
        await trio.sleep(HALF_CLOSED_S)
