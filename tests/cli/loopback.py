"""A provider on loopback, in real sockets and threads, and the real command in a process of its own."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import field, frozen

from tests.cli.forked import CAN_FORK, Forked, forked

ANSWER = (
    "riverrun, past the weir and the mill's wheel, 水は流れる, brings us back by a wide bend to the bridge 🌉 where "
    "it\nbegan.\n\nIt says: a stream that was cut goes on where it broke off, and nobody downstream can tell where.\n"
)
DEADLINE_S = 30.0
SECRET = "sk-ant-canary-5d41402abc4b2a76"  # noqa: S105 - planted to be searched for


@frozen
class Reply:
    """What the server does with one request: say up to `chars` of what is missing, and `then` one of these.

    end: end properly · reset: break the connection · hold: say nothing more · wait: say the rest once released.
    """

    chars: int | None = None
    then: str = "end"
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    body: bytes | None = None
    thought: str = ""
    anew: str = ""  # said from the beginning, whatever the request says was said


class Loopback:
    """Serves `replies` in turn, the last one again and again. `asked` holds (path, headers, body) of every request."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.reached = threading.Semaphore(0)
        self._replies = list(replies)
        self.release = threading.Event()
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def flags(self, wire: str = "anthropic") -> list[str]:
        """The options that point the command here."""
        if wire == "anthropic":
            return ["-m", "anthropic/claude-sonnet-4-5", "--base-url", self.origin]
        return ["-m", "openai/gpt-4.1", "--base-url", f"{self.origin}/v1"]

    def where(self, wire: str = "anthropic") -> list[str]:
        """What `resume` has to be told again: the address."""
        return self.flags(wire)[2:]

    def then_reply(self, *replies: Reply) -> None:
        """Serve these from the next request on."""
        self._replies = list(replies)

    def wait_asked(self) -> None:
        assert self.reached.acquire(timeout=DEADLINE_S), "no request came"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.release.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                path, headers, body = _read_request(reader)
                reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                self.asked.append((path, headers, body))
                self.reached.release()
                for data in _bytes_of(reply, path, body, self.release):
                    connection.sendall(data)
                if reply.then == "hold":
                    self._over.wait(DEADLINE_S)
                elif reply.then == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            return  # the client went away: some tests are about that


def _read_request(reader: Any) -> tuple[str, dict[str, str], Any]:
    """Read one request. Raises ConnectionError where the client was killed before it was out."""
    path = reader.readline().decode().split(" ")[1:2]
    headers: dict[str, str] = {}
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = reader.read(length)
    if not path or not length or len(body) < length:
        raise ConnectionError("half a request")
    return path[0], headers, json.loads(body)


def _bytes_of(reply: Reply, path: str, body: Any, release: threading.Event) -> Iterator[bytes]:
    if reply.status == 0:  # mute: the request is read and never answered
        return
    kind = "application/json" if reply.status != 200 else "text/event-stream"
    headers = {"content-type": kind, "connection": "close", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    yield ("\r\n".join(lines) + "\r\n\r\n").encode()
    if reply.body is not None:
        yield reply.body
        return
    rest = reply.anew or ANSWER[len(_said(body)) :]
    write = _anthropic if path.endswith("/messages") else _openai
    yield from write(_pieces(reply, rest, release), reply.thought, whole=reply.then in ("end", "wait"))


def _pieces(reply: Reply, rest: str, release: threading.Event) -> Iterator[str]:
    said = rest if reply.chars is None else rest[: reply.chars]
    size = max(7, len(said) // 100)
    yield from (said[at : at + size] for at in range(0, len(said), size))
    if reply.then == "wait":
        release.wait(DEADLINE_S)
        yield rest[len(said) :]


def _said(body: Any) -> str:
    """What the request says was said: an honest model goes on right there."""
    said = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    if not said:
        return ""
    return said[-1] if isinstance(said[-1], str) else "".join(block["text"] for block in said[-1])


def _anthropic(pieces: Iterator[str], thought: str, *, whole: bool) -> Iterator[bytes]:
    def event(kind: str, **rest: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n".encode()

    usage = {"input_tokens": 11, "output_tokens": 1}
    yield event("message_start", message={"id": "m", "role": "assistant", "model": "x", "content": [], "usage": usage})
    if thought:
        yield event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
        yield event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": thought})
        yield event("content_block_stop", index=0)
    at = 1 if thought else 0
    yield event("content_block_start", index=at, content_block={"type": "text", "text": ""})
    for piece in pieces:
        yield event("content_block_delta", index=at, delta={"type": "text_delta", "text": piece})
    if whole:
        yield event("content_block_stop", index=at)
        yield event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 42})
        yield event("message_stop")


def _openai(pieces: Iterator[str], _thought: str, *, whole: bool) -> Iterator[bytes]:
    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n".encode()

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces:
        yield chunk({"content": piece})
    if whole:
        yield chunk({}, "stop")
        yield b"data: [DONE]\n\n"


# -- the command --------------------------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    """The environment of a new user: no keys, no proxies, no colours; what Python needs is kept."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH", "TMPDIR")}
    return {**kept, "PYTHONUTF8": "1", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "riverrun", *arguments]


@frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def riverrun(*arguments: str, stdin: str | bytes | None = None, **env: str) -> Ended:
    """Run the command to its end."""
    given = stdin.encode() if isinstance(stdin, str) else stdin or b""
    if CAN_FORK:
        return _ended(*forked(arguments, environment(**env), given, DEADLINE_S))
    done = subprocess.run(
        command(*arguments), input=given, capture_output=True, timeout=DEADLINE_S, env=environment(**env)
    )
    return _ended(done.returncode, done.stdout, done.stderr)


def _ended(code: int, out: bytes, err: bytes) -> Ended:
    return Ended(code, out.decode(), err.decode())


class Running:
    """A command under way. `read_out` and `read_err` wait until enough was printed; `end` waits for its end."""

    def __init__(self, process: subprocess.Popen[bytes] | Forked) -> None:
        self.process = process
        self._read = {"out": b"", "err": b""}

    def read_out(self, chars: int) -> str:
        self._read_until("out", lambda text: len(text) >= chars)
        return self._read["out"].decode()

    def read_err(self, words: str) -> None:
        self._read_until("err", lambda text: words in text)

    def _read_until(self, name: str, enough: Callable[[str], bool]) -> None:
        stream = self.process.stdout if name == "out" else self.process.stderr
        assert stream is not None
        give_up_s = time.monotonic() + DEADLINE_S
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while not enough(self._read[name].decode(errors="ignore")):
                assert selector.select(give_up_s - time.monotonic()), f"std{name} so far: {self._read[name]!r}"
                data = os.read(stream.fileno(), 65536)
                assert data, f"std{name} ended at: {self._read[name]!r}"
                self._read[name] += data

    def close_out(self) -> None:
        """Read no more, as `head` does."""
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self, signal_number: int | None = None) -> Ended:
        if signal_number is not None:
            self.process.send_signal(signal_number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        said = without_torn_imports((self._read["err"] + err).decode())
        return Ended(self.process.returncode, (self._read["out"] + out).decode(), said)


TORN_IMPORT = re.compile(
    r"Exception ignored in: <_io\.FileIO name='[^'\n]*\.pyc?'[^\n]*\n(?:Traceback[^\n]*\n(?:  [^\n]*\n)*)?"
    r"ResourceWarning: unclosed file <_io\.\w+ name='[^'\n]*\.pyc?'[^\n]*\n"
)


def without_torn_imports(err: str) -> str:
    """Leave out that Python left the file of a module open, which it tells where warnings are errors.

    A signal may strike between its opening of the file and its reading, and no code of ours is under way then. Of any
    other file that is left open, all is kept.
    """
    return TORN_IMPORT.sub("", err)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    give_up_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) & 1 << (number - 1))


@contextmanager
def started(*arguments: str, **env: str) -> Iterator[Running]:
    """Start the command; it does not outlive the block."""
    pipe = subprocess.PIPE
    process = (
        Forked(arguments, environment(**env))
        if CAN_FORK
        else subprocess.Popen(
            command(*arguments), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0, env=environment(**env)
        )
    )
    with process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()
