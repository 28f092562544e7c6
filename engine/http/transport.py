"""Sends a wire request over a client and hands over whole reads of the answer.

A caller may pass an `httpx.AsyncClient` or an `httpx2.AsyncClient` (its maintained fork, same interface); both are used
through the same few calls, so neither is imported for the other's sake. Our own client is an httpx one.

Rules (docs/hardening.md): redirects are never followed, a body is asked for uncoded and unpacked in bounded steps if it
is coded all the same, the key is written into the headers at the last moment, and what is by its head no answer becomes
a bounded `ErrorResponse`.
"""

from __future__ import annotations

import ssl
from typing import Protocol, cast
from urllib.parse import urlsplit

import trio

from ..core.policy import Limits
from ..core.provider import ErrorResponse, WireRequest
from ..core.secret import Secret
from .body import Body as Body
from .client import Client, build_request
from .coding import UnpackedBody, coding_of, is_readable
from .handshake import Handshake
from .opened_response import CLOSE_S, OpenedResponse
from .quiet_logs import KnownSecrets
from .transport_error import TransportError as TransportError
from .transport_error import cause_of as cause_of
from .transport_error import distrusted, translated

REST_S = 0.02
"""How long a request waits for the connection of an answer that was whole and whose body has not ended yet: less than
another connection takes, with its certificates."""

ERROR_BODY_S = 5.0
"""How long we wait for the text of an error whose status we know: a body that hangs must not turn a 401 into a stall,
which would be retried. Longer than a slow proxy needs, for providers tell some errors apart by their text only."""

ANSWERED = (200, 201, 203)
"""The statuses under which an answer may come: some gateways say 201, and a proxy that changed something 203."""

NOT_AN_ANSWER = ("text/html", "application/problem+json", "application/xml", "text/xml")
"""Content types that are an answer about the request, never the answer: a proxy's page. JSON may be a whole answer, and
is a label of streams too (docs/providers.md); what a body without a type is, its first bytes tell."""


class Transport(Protocol):
    """Sends wire requests. Shared by all runs of an engine."""

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> Body:
        """Send a request and wait for the answer's headers. Raises TransportError."""
        ...

    async def aclose(self) -> None:
        """Close what it opened."""
        ...


def secrets_of(wire: WireRequest) -> tuple[Secret, ...]:
    """Return the secrets that a request carries: what no text about it may hold."""
    return tuple(value for value in wire.headers.values() if isinstance(value, Secret))


class HTTPTransport:
    """Sends wire requests over one client. Without a client of the caller's it makes its own, and then closes it."""

    def __init__(self, client: object | None = None) -> None:
        if client is None:
            # httpx and all below it: not with every import of riverrun, and not as late as in the first request.
            from . import own_client as own_client
        self._client = cast("Client | None", client)
        self._is_ours = client is None
        self._ssl: ssl.SSLContext | None = None
        self._resting: set[OpenedResponse] = set()
        self._sent = KnownSecrets()

    def _the_client(self) -> Client:
        if self._client is None:
            from .own_client import own_client, trusted_certificates

            if self._ssl is None:
                self._ssl = trusted_certificates()  # once, whenever the client is made
            self._client = cast("Client", own_client(self._ssl))
        return self._client

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> OpenedResponse:
        """Send a request and wait for the answer's headers.

        Raises:
            TransportError: no connection, or it broke before the headers.
            InvalidRequest: the server's certificate was not accepted.
            UsageError: the environment names certificates or a proxy that our own client can not use.
        If cancelled: the connection is closed.
        """
        client, origin, secrets = self._the_client(), _origin_of(wire), secrets_of(wire)
        self._sent.add(secrets)
        await self._wait_rest(origin)
        handshake = Handshake()
        request = build_request(client, wire, connect_s, trace=handshake)
        try:
            with handshake:
                response = await client.send(request, stream=True, follow_redirects=False)
        except Exception as error:
            if cause_of(error) is None:
                raise
            raise distrusted(error, wire) or translated(error, secrets, kept=handshake.kept) from error
        return OpenedResponse(response, secrets, origin=origin, resting=self._resting)

    async def _wait_rest(self, origin: str) -> None:
        """Wait a moment for the body of an answer that was whole: its connection is then ours."""
        for opened in self._resting:
            if opened.origin == origin:
                with trio.move_on_after(REST_S):
                    await opened.wait_closed()
                return

    async def aclose(self) -> None:
        """Close our own client, and what is left of its answers; a caller's stays open, for the next answer too.

        Nothing that was begun here goes on: where the end of a body has not come yet, its connection is closed.
        """
        client, self._client = (self._client, None) if self._is_ours else (None, self._client)
        await self._close_resting()
        if client is not None:
            with trio.move_on_after(CLOSE_S, shield=True):
                await client.aclose()

    async def _close_resting(self) -> None:
        left = tuple(self._resting)
        for opened in left:
            opened.leave()
        if left:
            with trio.move_on_after(CLOSE_S, shield=True):
                for opened in left:
                    await opened.wait_closed()


def _origin_of(wire: WireRequest) -> str:
    return urlsplit(wire.url).netloc


async def first_bytes(opened: Body, bytes_max: int, read: bytes = b"") -> bytes:
    """Take a body's first bytes, for an error's text, after those already `read`. What breaks on the way ends it."""
    body = bytearray(read)
    with trio.move_on_after(ERROR_BODY_S):
        try:
            while len(body) < bytes_max and (data := await opened.receive()):
                body += data
        except TransportError:
            pass
    return bytes(body[:bytes_max])


def unpacked(opened: Body, limits: Limits) -> Body:
    """Return a body whose reads are unpacked, if it is coded and that can be read; otherwise the body itself."""
    coding = coding_of(opened.headers)
    return UnpackedBody(opened, coding, limits.event_bytes_max) if coding and is_readable(coding) else opened


async def error_response_of(opened: Body, limits: Limits) -> ErrorResponse | None:
    """Say whether an answer is none by its head; then read as much of it as an error may need, if it can be read."""
    can_read = is_readable(coding_of(opened.headers))
    kind = opened.headers.get("content-type", "").partition(";")[0].strip().lower()
    if opened.status in ANSWERED and kind not in NOT_AN_ANSWER and can_read:
        return None
    body = await first_bytes(opened, limits.error_body_bytes_max) if can_read else b""
    return ErrorResponse(opened.status, opened.headers, body)
