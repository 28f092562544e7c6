"""One attack: what a server sends, and what standing it costs a process of its own. Run by `test_attacks`.

The server is a thread of the test; the victim is a subprocess (`victim`) under the default limits, with a ceiling on
its memory. How long it holds up its loop is measured in what its thread worked, so that a busy machine changes little.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from attrs import field, frozen

ROOT = Path(__file__).parents[2]
MIB = 2**20
GROWN_BYTES_MAX = 200 * MIB
LATE_S_MAX = 0.25
TRIES = 3

Pieces: TypeAlias = Callable[[], Iterable[bytes]]


@frozen(kw_only=True)
class Attack:
    """A body, in pieces of any size, for ever if it likes: the server stops when the victim leaves.

    Attributes:
        provider: who is asked, by name.
        pieces: makes the body.
        options: of the provider's class, and `extra` of the request.
        grown_bytes_max: how much more memory the victim may have at its peak.
        kind: the content type.
    """

    provider: str
    pieces: Pieces
    options: dict[str, Any] = field(factory=dict[str, Any])
    grown_bytes_max: int = GROWN_BYTES_MAX
    kind: str = "text/event-stream"


@frozen
class Cost:
    """What an attack cost: how the run ended, and the lateness of a task beside it."""

    end: str
    said: str
    given: int
    grown_bytes: int
    late_s: float
    took_s: float


def stand(attack: Attack) -> Cost:
    """Run a victim against a server of this attack. Raises AssertionError where the victim itself died."""
    with serving(attack) as port:
        arguments = [f"{name}={json.dumps(value)}" for name, value in attack.options.items()]
        command = [sys.executable, "-m", "tests.hostile.victim", attack.provider, str(port), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Cost(**said)


def cheapest(attack: Attack) -> Cost:
    """Stand it up to three times, until a try keeps its bounds: a busy machine is no fault of ours."""
    costs: list[Cost] = []
    for _ in range(TRIES):
        costs.append(cost := stand(attack))
        if cost.late_s <= LATE_S_MAX and cost.grown_bytes <= attack.grown_bytes_max:
            return cost
    return min(costs, key=lambda cost: (cost.grown_bytes > attack.grown_bytes_max, cost.late_s))


@contextmanager
def serving(attack: Attack) -> Iterator[int]:
    """Serve on a free port: to the first request 529, which warms the victim up, and the attack to every other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, attack), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _serve(listener: socket.socket, attack: Attack) -> None:
    with suppress(OSError):
        for number in range(1000):
            peer, _ = listener.accept()
            with peer, suppress(OSError):
                _read_request(peer)
                if number == 0:
                    peer.sendall(b"HTTP/1.1 529 Overloaded\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                    continue
                peer.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: {attack.kind}\r\nconnection: close\r\n\r\n".encode())
                for piece in attack.pieces():
                    peer.sendall(piece)


def _read_request(peer: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += peer.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
    while len(body) < size:
        body += peer.recv(65536)
