"""A client under test in a process of its own: asked over standard input, cut when it hangs, killed when we end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import trio
from attrs import frozen

from .. import clients
from ..judging.judge import Call, Given
from ..result import Moment, Side
from .environments import Prepared
from .peers import CLIENTS

START_S = 120.0
"""How long a client may take to be imported: the largest needs ten seconds on a quiet machine."""

_CUT_SHORT = (
    "length max_tokens max_output_tokens model_length context_window model_context_window_exceeded incomplete",
    "content_filter safety recitation refusal error failed other network_error insufficient_system_resource load",
    "malformed_function_call unexpected_tool_call pause_turn paused cancelled",
)
STOPS_THAT_ARE_NO_END = frozenset(" ".join(_CUT_SHORT).split())
"""Finish words that say that the answer is not all there; a client that hands one on has told its caller."""


class WorkerBroken(Exception):
    """The process can not serve: its client can not be imported, or it ended."""


@frozen
class Reply:
    """What one ask brought. `ids` are those of the calls, in their order, to give results back under."""

    given: Given
    ended_s: float
    timed_out: bool = False
    ids: tuple[str, ...] = ()


class Worker:
    """One process with one client. `version` is the client's, once `start` has returned. All times are monotonic."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared: Prepared = prepared
        self.version: str = ""
        self._process: trio.Process | None = None
        self._read = bytearray()
        self._number = 0
        self._is_killed = False

    async def start(self) -> None:
        """Start it, and wait until its client is imported. Raises WorkerBroken."""
        adapter = self.prepared.peer.adapter
        worker = [str(CLIENTS / "worker.py")] if adapter.endswith(".py") else ["-m", f"{clients.__name__}.worker"]
        flags = ["-I"] if self.prepared.python != sys.executable else ["-P"]
        self._read.clear()
        self._is_killed = False
        self._process = await trio.lowlevel.open_process(
            [self.prepared.python, *flags, *worker, adapter],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with trio.move_on_after(START_S):
            line = await self._line()
            if line.get("kind") != "ready":
                raise WorkerBroken(str(line.get("words", line)))
            self.version = line["version"]
            return
        raise WorkerBroken(f"not imported within {START_S:g} s")

    async def ask(self, ask: dict[str, object], *, seconds: float) -> Reply:
        """Ask, and wait for what is given, at most so long: then the process is killed, and must be started anew.

        Raises WorkerBroken: the process ended by itself.
        """
        self._number += 1
        moments: list[Moment] = []
        with trio.move_on_after(seconds), self._killed_if_broken():
            await self._send({"id": self._number, "ask": ask})
            while True:
                line = await self._line()
                if line["kind"] == "given":
                    return _reply(line, moments)
                if line["kind"] != "moments":
                    raise WorkerBroken(f"said {line['kind']} in the middle")
                moments.extend(Moment(at_s, Side.CALLER, kind, words) for at_s, kind, words in line["moments"])
        self.kill()
        ended_s = time.monotonic()
        moments.append(Moment(ended_s, Side.CALLER, "error", f"no end after {seconds:g} s: cut"))
        return Reply(Given(_shown(moments), moments=tuple(moments), said="no end"), ended_s, timed_out=True)

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process is not None and not self._is_killed and self._process.returncode is None

    def kill(self) -> None:
        """End the process now; `aclose` waits for it."""
        self._is_killed = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def aclose(self) -> None:
        """End the process, and wait until it is gone. If cancelled: it is killed all the same."""
        process, self._process = self._process, None
        if process is not None:
            await end_process(process)

    @contextmanager
    def _killed_if_broken(self) -> Generator[None, None, None]:
        try:
            yield
        except WorkerBroken:
            self.kill()
            raise

    async def _send(self, line: dict[str, object]) -> None:
        if self._process is None or self._process.stdin is None:
            raise WorkerBroken("not started")
        try:
            await self._process.stdin.send_all(json.dumps(line).encode() + b"\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise WorkerBroken("ended") from error

    async def _line(self) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise WorkerBroken("not started")
        while (end := self._read.find(b"\n")) < 0:
            data = await self._process.stdout.receive_some(64 * 1024)
            if not data:
                raise WorkerBroken("ended without a word")
            self._read += data
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        decoded: dict[str, Any] = json.loads(line)
        return decoded


async def end_process(process: trio.Process) -> None:
    """Kill a process, and wait until it is gone. If cancelled: that is waited for all the same."""
    process.kill()
    with trio.CancelScope(shield=True):
        await process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                await pipe.aclose()


def _reply(line: dict[str, Any], moments: list[Moment]) -> Reply:
    error, stop = line["error"], line["stop"]
    whole = not error and str(stop).lower() not in STOPS_THAT_ARE_NO_END
    said = error or ("" if whole else f"stop: {stop}")
    calls = tuple(Call(call[0], call[1]) for call in line["calls"])
    given = Given(line["text"], calls, whole=whole, said=said, moments=tuple(moments))
    return Reply(given, moments[-1].at_s, ids=tuple((call[2] if len(call) > 2 else "") for call in line["calls"]))


def _shown(moments: list[Moment]) -> str:
    text: list[str] = []
    for moment in moments:
        if moment.kind == "reset":
            text.clear()
        elif moment.kind == "text":
            text.append(moment.words)
    return "".join(text)
