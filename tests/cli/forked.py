"""A run of the command in a process of its own, forked from one that has imported it, which takes 0.25 s each time.

What comes before `main()`, the start of Python and the imports, is tested with processes that are started anew.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Self

SERVER = Path(__file__).with_name("fork_server.py")
CAN_FORK = sys.platform == "linux"
"""Elsewhere a fork has its traps: on macOS a forked process that asks the system for its proxies is killed."""


@cache
def server() -> str:
    """Start the process that forks, and return the path of its socket. It ends with ours."""
    folder = TemporaryDirectory()
    path, pipe = f"{folder.name}/forks", subprocess.PIPE
    command, env = [sys.executable, "-W", "error", str(SERVER), path], {**os.environ, "PYTHONUTF8": "1"}
    started = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=env)  # pipes, as its commands have
    atexit.register(folder.cleanup)
    atexit.register(started.communicate)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n", started.communicate()
    return path


class Forked:
    """The command under way, in the words of `subprocess.Popen`. Its standard input is empty, unless one is given."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], stdin: IO[bytes] | None = None) -> None:
        out, err = os.pipe(), os.pipe()
        self.stdout, self.stderr = FileIO(out[0]), FileIO(err[0])
        self.returncode: int | None = None
        self._keeper = socket.socket(socket.AF_UNIX)
        self._keeper.connect(server())
        with open(os.devnull, "rb") as nothing:
            given = json.dumps({"arguments": arguments, "env": dict(env), "cwd": os.getcwd()}).encode()
            socket.send_fds(self._keeper, [given + b"\n"], [(stdin or nothing).fileno(), out[1], err[1]])
        os.close(out[1])
        os.close(err[1])
        self._told = self._keeper.makefile("rb")
        self.pid = int(self._told.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()
        self._told.close()
        self._keeper.close()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._keeper.settimeout(timeout)
            try:
                self.returncode = int(self._keeper.recv(16))
            except TimeoutError:
                raise subprocess.TimeoutExpired("riverrun", timeout or 0) from None
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(1e-6)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(9)

    def communicate(self, timeout: float) -> tuple[bytes, bytes]:
        """Read both outputs to their ends. A command that takes longer is killed, which its exit code tells."""
        err: list[bytes] = []
        reads, kills = (
            threading.Thread(target=lambda: err.append(self.stderr.read())),
            threading.Timer(timeout, self.kill),
        )
        reads.start()
        kills.start()
        out = self.stdout.read()
        reads.join()
        self.wait()
        kills.cancel()
        return out, err[0]


def forked(arguments: Sequence[str], env: Mapping[str, str], given: bytes, timeout: float) -> tuple[int, bytes, bytes]:
    """Run the command to its end with this on its standard input: its exit code, and what it wrote."""
    ends, begins = os.pipe()
    with open(ends, "rb") as stdin, open(begins, "wb") as feed:
        feeds = threading.Thread(target=_feed, args=(feed, given))
        feeds.start()
        with Forked(arguments, env, stdin) as process:
            stdin.close()
            out, err = process.communicate(timeout)
            feeds.join()
            return process.wait(), out, err


def _feed(pipe: IO[bytes], given: bytes) -> None:
    with suppress(BrokenPipeError), pipe:
        pipe.write(given)
