"""Plays a script of steps on a real connection: what `ScriptedNetwork` does on paper, with sockets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from enum import Enum

import trio

from .script import Close, Fails, GoesAway, Reset, Silence, Stale, Step

_RST = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST and drops what is unsent."""


class Played(Enum):
    """How the playing of a script ended."""

    WHOLE = "whole"
    """All of it was sent, and the connection can take another request."""
    CLOSED = "closed"
    """The script ended the connection."""
    LEFT = "left"
    """The client left before the script ended."""


def _ignore(_step: Step) -> None:
    pass


async def play_steps(
    stream: trio.SocketStream, steps: Iterable[Step], on_step: Callable[[Step], None] = _ignore
) -> Played:
    """Write the bytes, keep the silences, break where a break stands; `on_step` is told each step as it is played.

    A client that leaves is seen during a silence, and by a write. An endless silence lasts until it does.

    Raises:
        ValueError: `GoesAway` or `Fails`, which no socket of HTTP/1.1 can do.
    """
    try:
        for step in steps:
            on_step(step)
            match step:
                case bytes():
                    await stream.send_all(step)
                case Silence(seconds):
                    if await _is_left_within(stream, seconds):
                        return Played.LEFT
                case Reset():
                    await reset(stream)
                    return Played.CLOSED
                case Close() | Stale():
                    await stream.send_eof()
                    await wait_left(stream)
                    return Played.CLOSED
                case GoesAway() | Fails():
                    raise ValueError(f"{step} can not be played on a socket")
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return Played.LEFT
    return Played.WHOLE


RESET_AFTER_S = 0.02
"""How long before a reset the client has to read what was written: a reset drops what still waits to be sent."""


async def reset(stream: trio.SocketStream) -> None:
    """Close with RST, a moment after what was written."""
    await trio.sleep(RESET_AFTER_S)
    reset_when_closed(stream)
    await stream.aclose()


def reset_when_closed(stream: trio.SocketStream) -> None:
    """Have the end of the connection be an RST."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)


async def wait_left(stream: trio.SocketStream) -> None:
    """Wait until the client closes its side; what it still says is dropped."""
    while await stream.receive_some():
        pass


async def _is_left_within(stream: trio.SocketStream, seconds: float | None) -> bool:
    with trio.move_on_after(float("inf") if seconds is None else seconds) as scope:
        await wait_left(stream)
    return not scope.cancelled_caught
