"""A server in a process group of its own: started on a free port of 127.0.0.1, watched until ready, gone at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

READY_S = 30.0
"""How long a server may take to answer: node and Python import a lot on a busy machine."""
STOP_S = 3.0
"""How long it may take to leave when asked to, before it is killed."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def accepts(port: int) -> Callable[[], bool]:
    """Whether somebody listens there."""

    def check() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
        return False

    return check


def answers(url: str) -> Callable[[], bool]:
    """Whether a GET is answered with 200."""

    def check() -> bool:
        with suppress(OSError), urllib.request.urlopen(url, timeout=1.0) as answer:  # noqa: S310 - 127.0.0.1
            return bool(answer.status == 200)
        return False

    return check


def call(method: str, url: str, body: Any = None) -> Any:
    """Ask a server's own control interface; gives the JSON of its answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10.0) as answer:  # noqa: S310 - 127.0.0.1
        return json.loads(answer.read() or b"null")


class ServerProcess:
    """A server, for as long as the block is open; everything it started ends with it.

    Where the system can, it also ends when the test session itself is killed (`setpriv --pdeathsig`).
    """

    def __init__(
        self,
        command: Sequence[str],
        is_ready: Callable[[], bool],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
    ) -> None:
        bound = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        self._command = [*bound, *command]
        self._is_ready = is_ready
        self._log = log
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it is ready. A server that ends instead fails the test with its last words."""
        self.spawn()
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            if not self.is_alive or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"{self._command[-1]} did not start:\n{self.last_words()}")
            time.sleep(0.02)

    def spawn(self) -> None:
        """Start it, and do not wait. From the main thread only: the system ends it with the thread that started it."""
        assert threading.current_thread() is threading.main_thread()
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it at once, and wait for it."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(STOP_S)

    def stop(self) -> None:
        """Ask it to leave; what is still there then is killed."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self.kill()
        self._process = None

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exit_info: object) -> None:
        self.stop()
