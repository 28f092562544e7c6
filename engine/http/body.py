"""What an opened answer is to who reads it: a status, headers, and whole reads to take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Body(Protocol):
    """An opened answer: its status and headers, one task that reads its body, and whole reads to take.

    `HTTPTransport` makes them of httpx responses. Another way to read (cheaper, or scripted) is another `Transport`.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by lower-case name."""
        ...

    async def pump(self) -> None:
        """Read the body and close it. Run as a task; ended by cancellation, or after `drain`."""
        ...

    async def receive(self) -> bytes:
        """Take what was read since, at least a byte; b"" is the end. Raises TransportError."""
        ...

    async def drain(self) -> None:
        """Take that the answer is whole: if the body ends now, its connection is used again. Does not wait for it."""
        ...
