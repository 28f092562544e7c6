"""A coded body, unpacked as it is read: gzip or deflate, which some proxies send although identity was asked for.

Nothing is unpacked ahead: each read gives at most `STEP_BYTES`, so a bomb is bounded by who reads it. What is coded in
any other way, or more than once, is not read.

Source: RFC 9110 § 8.4.1; RFC 1950 to 1952.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import trio

from ..core.causes import MalformedStream
from .body import Body
from .transport_error import TransportError

RATIO_MAX = 100
"""How many times its size a body may unpack to, beyond what a short answer may: the events of a real answer, which are
much alike, unpack to 20 to 60 times, and a bomb to 1,000."""

STEP_BYTES = 64 * 1024
"""How much one read gives at most: as much as an uncoded body is read ahead."""

_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_BITS = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"


def coding_of(headers: Mapping[str, str]) -> str:
    """Return how a body is coded, "identity" left out: "" is not at all, "a, b" more than once."""
    named = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    return ", ".join(name for name in named if name not in ("", "identity"))


def is_readable(coding: str) -> bool:
    """Whether a body of this coding is read here."""
    return coding in ("", "deflate") or coding in _GZIP


class Unpacker:
    """Unpacks one body, step by step. Pure: bytes in, bytes out.

    A deflated body is one of zlib's as the standard says, or a bare one as some servers have it; its first two bytes
    tell. A gzip body may have several members; what follows them and is none is left out.

    Raises (from both methods):
        zlib.error: the bytes are not what the coding says.
    """

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding in _GZIP
        self._inflater = zlib.decompressobj(_GZIP_BITS) if self._is_gzip else None
        self._pending = b""
        self._is_full = False  # the last step was: what is left of its output lies in the inflater
        self._is_over = False

    @property
    def has_more(self) -> bool:
        """Whether `next` may give more of what was put in."""
        return self._inflater is not None and not self._is_over and (bool(self._pending) or self._is_full)

    def put(self, data: bytes) -> None:
        """Take the next bytes of the body. All that was put before has to be unpacked."""
        self._pending += data
        if self._inflater is None:
            self._begin()

    def _begin(self) -> None:
        """Begin with the first two bytes of the body, or of what follows a member of it."""
        start = self._pending[:2]
        if len(start) < 2:
            return
        if not self._is_gzip:
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_head(start) else -zlib.MAX_WBITS)
        elif start == _GZIP_MAGIC:
            self._inflater = zlib.decompressobj(_GZIP_BITS)
        else:
            self._is_over, self._pending = True, b""

    def next(self) -> bytes:
        """Unpack up to `STEP_BYTES` of what was put in; b"" where that needs more bytes."""
        inflater = self._inflater
        if inflater is None or self._is_over:
            return b""
        data = inflater.decompress(self._pending, STEP_BYTES)
        self._pending, self._is_full = inflater.unconsumed_tail, len(data) == STEP_BYTES
        if inflater.eof:
            self._begin_member(inflater.unused_data)
        return data

    def _begin_member(self, rest: bytes) -> None:
        """Go on behind the end: another member of a gzip body, or nothing."""
        self._inflater, self._pending = None, rest
        if self._is_gzip:
            self._begin()
        else:
            self._is_over, self._pending = True, b""


def _has_zlib_head(data: bytes) -> bool:
    return data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0


class UnpackedBody:
    """A body whose reads are unpacked; otherwise the body that it is given.

    Args:
        body: the coded one.
        coding: how it is coded.
        bytes_max: what it may unpack to however small it is; beyond that, `RATIO_MAX` times its size.
    """

    def __init__(self, body: Body, coding: str, bytes_max: int) -> None:
        self._body = body
        self._coding = coding
        self._unpacker = Unpacker(coding)
        self._room_bytes = bytes_max

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._body.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by lower-case name, as they came."""
        return self._body.headers

    async def pump(self) -> None:
        """Read the body and close it. If cancelled: as the body's own."""
        await self._body.pump()

    async def receive(self) -> bytes:
        """Take the next step of what was read, waiting if there is nothing; b"" is the end. A checkpoint.

        Raises:
            TransportError: the connection broke, or the bytes are not what the coding says.
        If cancelled: nothing that was read is lost.
        """
        unpacker = self._unpacker
        if unpacker.has_more:
            await trio.lowlevel.checkpoint()  # a bomb is unpacked for long without a read
        while True:
            try:
                if unpacker.has_more and (data := unpacker.next()):
                    return self._counted(data)
            except zlib.error as error:
                raise _malformed(f"seen a body that is no {self._coding}: {error}") from None
            if not unpacker.has_more:
                read = await self._body.receive()
                if not read:
                    return b""
                unpacker.put(read)
                self._room_bytes += RATIO_MAX * len(read)

    def _counted(self, data: bytes) -> bytes:
        self._room_bytes -= len(data)
        if self._room_bytes < 0:
            raise _malformed(f"seen a body that unpacks to more than {RATIO_MAX} times its size; expected less")
        return data

    async def drain(self) -> None:
        """Take that the answer is whole, as the body does. A checkpoint."""
        await self._body.drain()


def _malformed(detail: str) -> TransportError:
    return TransportError(MalformedStream(detail), what=detail)
