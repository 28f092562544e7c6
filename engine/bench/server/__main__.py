"""The fault server: a provider on loopback that breaks as the model's name says, in a process of its own.

    python -m riverrun.engine.bench.server --profile quick

prints one line of JSON, `{"port": N}`, once it listens, and ends when its standard input closes: it never outlives the
process that began it. Base URLs are `http://127.0.0.1:N/t/TRIAL` and, with `/v1` behind it, for clients of OpenAI's;
`GET …/t/TRIAL/log` tells what was asked and played.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import cast

import trio

from ...testing.network.play import Played, play_steps
from ...testing.network.server_connection import Connection
from ..profile import PROFILES, Profile, profile_of
from .stage import Stage


async def serve_faults(
    profile: Profile,
    *,
    port: int = 0,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on 127.0.0.1 until cancelled; the port is told once it listens.

    Args:
        profile: how long silences are.
        port: where to listen; 0 is any free port.
        task_status: is told the port.
    """
    stage = Stage(profile)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(_serve_connection, stage), port, host="127.0.0.1")
        listeners = cast("list[trio.SocketListener]", await nursery.start(serve))
        task_status.started(listeners[0].socket.getsockname()[1])


async def _serve_connection(stage: Stage, stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(stream, 0.0)
    try:
        while (request := await connection.read_request()) is not None:
            method, _, path = request[0].partition(" ")
            if not await _serve_request(stage, stream, method, path, request[1]):
                return
    except trio.BrokenResourceError:
        return  # the client left: its right


async def _serve_request(stage: Stage, stream: trio.SocketStream, method: str, path: str, body: bytes) -> bool:
    answered = stage.answer(method, path, body)
    entry = answered.entry
    if entry is None:
        return await play_steps(stream, answered.steps) is Played.WHOLE
    played = None
    try:
        played = await play_steps(stream, answered.steps, entry.on_step)
    finally:
        entry.end(is_left=played is Played.LEFT)
    return played is Played.WHOLE


async def serve_until_left(profile: Profile, port: int = 0) -> None:
    """Serve, say the port on standard output, and end when standard input closes."""
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(partial(serve_faults, profile, port=port))
        print(json.dumps({"port": bound}), flush=True)
        await trio.to_thread.run_sync(_wait_closed, abandon_on_cancel=True)
        nursery.cancel_scope.cancel(reason="standard input is closed")


def _wait_closed() -> None:
    while sys.stdin.buffer.readline():
        pass


def main(argv: Sequence[str] | None = None) -> None:
    """Run the server as a command."""
    parser = argparse.ArgumentParser(prog="python -m riverrun.engine.bench.server", description=__doc__)
    parser.add_argument("--profile", choices=list(PROFILES), default="quick", help="how long silences are")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1 (any free port)")
    args = parser.parse_args(argv)
    try:
        trio.run(serve_until_left, profile_of(args.profile), args.port)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
