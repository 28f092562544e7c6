"""A server in a process of its own, which writes the same bytes to every client: one HTTP chunk an event.

    python benchmarks/serve_stream.py        prints its port, and serves until its standard input ends

What it does is said by the first part of the path, so that any client can ask for it through its base URL:

    /burst-N/…     N text deltas, as fast as the client reads
    /paced-N/…     N text deltas, each by itself: 0.2 ms between them
    /cut-N/…       the answer breaks off after N characters; a request that quotes an answer is given a short end
    /idle/…        the headers and one text delta, and then nothing

`-o` behind the number adds `obfuscation` to the chunks of Chat Completions.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache

from stream_bytes import pieces, stream_events

PACE_S = 0.0002
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_REQUEST = re.compile(rb"POST /(burst|paced|cut|idle)-?(\d*)(-o)?(/\S*) HTTP/1.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@cache
def _chunks(wire: str, events: int, obfuscation: bool) -> tuple[bytes, ...]:
    answer = stream_events(wire, pieces(events), obfuscation=obfuscation)
    return (*(_chunk(event) for event in answer), b"0\r\n\r\n")


class _Conversation(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer requests until the client goes away."""
        with contextlib.suppress(ConnectionError):
            while request := self._read_request():
                self._answer(*request)

    def _read_request(self) -> tuple[str, int, bool, str, bytes] | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return None
            head += line
        asked, length = _REQUEST.match(head), _LENGTH.search(head)
        if asked is None or length is None:
            raise ConnectionAbortedError
        wire = "anthropic" if asked[4].endswith(b"/messages") else "openai"
        return asked[1].decode(), int(asked[2] or 1), bool(asked[3]), wire, self.rfile.read(int(length[1]))

    def _answer(self, what: str, size: int, obfuscation: bool, wire: str, body: bytes) -> None:
        self.connection.sendall(HEAD)
        if what == "burst":
            self.connection.sendall(b"".join(_chunks(wire, size, obfuscation)))
        elif what == "paced":
            for chunk in _chunks(wire, size, obfuscation):
                self.connection.sendall(chunk)
                time.sleep(PACE_S)
        elif what == "idle":
            self.connection.sendall(b"".join(_chunks(wire, 1, False)[: 4 if wire == "anthropic" else 2]))
        elif b'"assistant"' in body:
            self.connection.sendall(b"".join(_chunks(wire, 20, obfuscation)))
        else:
            events = -(-size // 5)
            self.connection.sendall(b"".join(_chunks(wire, events, obfuscation)[:events]))
            with contextlib.suppress(OSError):  # who measures sending alone has left by now
                self.connection.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Run this server in a process of its own; give its address."""
    process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate()


def main() -> None:
    """Serve until standard input ends."""
    threading.stack_size(256 * 1024)
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
