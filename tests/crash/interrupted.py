"""Processes that are interrupted: `python -m tests.crash.interrupted PATH KIND RUNS PAUSE_S`.

Each run asks a model in this process, stores word by word, and is met by SIGINT: up to PAUSE_S after its
first word was given, or after it began to open. A "cold" one has encoded nothing before: it is a fork of a process that
has imported riverrun and done nothing else. The "warm" ones follow each other in one process. All store in one file.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import trio

import riverrun as rr
from riverrun.engine.core.stream_events import TextDelta
from riverrun.engine.testing.network.script import Silence
from tests.engine.own_source import ASK, END, OwnSource, engine_of, think

POLICY = rr.Policy(checkpoint=rr.CheckpointPolicy(lag_bytes=64, lag_s=0.001))
WORDS = 200


async def ask(path: Path, run_id: str, opening: Callable[[], object], given: Callable[[], object]) -> None:
    """Run once, and say when it opens and when the first event is there."""
    said = [step for word in range(WORDS) for step in (TextDelta(f"{word} "), Silence(0.001))]
    script = [*think("hm"), *said, END]
    async with rr.SQLiteStore(path) as store:
        engine = engine_of(OwnSource(script), store=store, policy=POLICY)
        opening()
        async with engine.open_stream(ASK, run_id=run_id) as run:
            await run.receive()
            given()
            async for _ in run:
                pass


def nothing() -> None:
    """Do nothing."""


def interrupt_later(pause_s: float) -> threading.Thread:
    """Raise SIGINT in the main thread after a pause."""

    def wait_and_raise() -> None:
        time.sleep(pause_s)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return threading.Thread(target=wait_and_raise)


def run_once(path: Path, run_id: str, pause_s: float, *, is_early: bool) -> None:
    """Ask once, and be interrupted."""
    thread = interrupt_later(pause_s)
    starts = (thread.start, nothing) if is_early else (nothing, thread.start)
    try:
        trio.run(ask, path, run_id, *starts)
        thread.join()
    except KeyboardInterrupt:
        print("interrupted", flush=True)


def main(path: Path, kind: str, runs: int, pause_s: float) -> None:
    """Run often, cold or warm."""
    dice = Random(kind)
    if kind == "warm":
        trio.run(ask, path.with_name("warm.db"), "warm", nothing, nothing)
    for number in range(runs):
        child = os.fork() if kind == "cold" else 0
        if not child:
            run_once(path, f"{kind} {number}", pause_s * dice.random(), is_early=bool(number % 2))
        if kind == "cold":
            os.waitpid(child, 0) if child else os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
