"""Answers of the proxy's own, where it stands alone: those of an honest provider, as the kit's loopback server is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import trio
from attrs import frozen

from ...core.json_value import JSONObject
from ...testing.network.served import NEVER_SAID, NO_TRAILING_SPACE, ends_in_space
from ...testing.network.server_replies import Replies
from ...testing.wire.formats import Continuation, Wire, asks_for_stream, error_body, events_of, whole_of
from .exchange import AnswerHead, Headers

_NO_OBJECT = "expected a JSON object"


@frozen
class Question:
    """A request for a model's answer, read. `body` is None where it is no JSON object."""

    wire: Wire
    path: str
    model: str
    body: JSONObject | None
    continuation: Continuation


class OwnExchange:
    """An answer of our own, piece by piece, `event_s` apart."""

    trailers: Headers = ()

    def __init__(self, status: int, content_type: str, pieces: Iterable[bytes], event_s: float = 0.0) -> None:
        self._pieces = list(pieces)
        self._status = status
        self._content_type = content_type
        self._event_s = event_s

    async def receive_head(self) -> AnswerHead:
        """Give the head; a single piece has a length, several are a stream."""
        await trio.lowlevel.checkpoint()
        length = sum(map(len, self._pieces))
        headers = [(b"Content-Type", self._content_type.encode())]
        if len(self._pieces) == 1:
            headers.append((b"Content-Length", str(length).encode()))
        return AnswerHead(self._status, b"", headers, length)

    async def receive(self) -> bytes:
        """Give the next piece."""
        await trio.sleep(self._event_s)
        return self._pieces.pop(0) if self._pieces else b""


class OwnAnswers:
    """Answers requests in the words of one answer, each in the format it is asked in."""

    def __init__(self, replies: Replies, event_s: float) -> None:
        self._replies = replies
        self._event_s = event_s

    @asynccontextmanager
    async def ask(self, question: Question | None) -> AsyncGenerator[OwnExchange, None]:
        """Answer; what is none of the formats' is not found."""
        await trio.lowlevel.checkpoint()
        if question is None:
            yield _refused(Wire.OPENAI, 404, "not served here: chaos stands alone, without --upstream")
        else:
            yield self._answer(question)

    def _answer(self, question: Question) -> OwnExchange:
        wire, body, said = question.wire, question.body, question.continuation
        if body is None:
            return _refused(wire, 400, _NO_OBJECT)
        if ends_in_space(wire, said):
            return _refused(wire, 400, NO_TRAILING_SPACE)
        reply = self._replies.next(question.model, body, said.text)
        if reply is None:
            return _refused(wire, 400, NEVER_SAID)
        if not asks_for_stream(wire, question.path, body):
            return OwnExchange(200, "application/json", [whole_of(wire, reply)])
        return OwnExchange(200, wire.content_type, events_of(wire, reply), self._event_s)


def _refused(wire: Wire, status: int, message: str) -> OwnExchange:
    return OwnExchange(status, "application/json", [error_body(wire, status, message)])
