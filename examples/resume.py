"""Survive a kill: a process is killed in the middle of an answer, and the next one goes on from its checkpoint.

This process starts a second one, kills it with SIGKILL, and finishes the run. Together they show the answer, once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial

import trio

import riverrun as rr
from riverrun.testing import RIVERS, open_loopback

STORED_FIRST = rr.Policy(checkpoint=rr.CheckpointPolicy(before_delivery=True))  # nothing is shown that is not stored
REQUEST = rr.InferenceRequest(rr.Message.user("Can I step into the same river twice?"))  # equal in both processes


async def show(url: str, path: str, shown: int = 0) -> str:
    """Stream the run to standard output, without the first `shown` characters. Returns what it printed."""
    parts: list[str] = []
    async with rr.SQLiteStore(path) as store:
        engine = rr.Engine(rr.Anthropic("claude-sonnet-4-5", base_url=url), policy=STORED_FIRST, store=store)
        async with engine.open_stream(REQUEST, run_id="answer-42", deliver_from=shown) as run:
            async for event in run:
                if isinstance(event, rr.TextDelta):
                    parts.append(event.text)
                    print(event.text, end="", flush=True)
    print(f"[attempts ended by: {[str(attempt.cause) for attempt in run.result.attempts]}]", file=sys.stderr)
    return "".join(parts)


async def read_and_kill(command: list[str]) -> str:
    """Start a process and kill it once it has printed 600 bytes. Returns what it printed."""
    async with trio.open_nursery() as nursery:
        piped = partial(trio.run_process, command, stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(piped)
        seen = b""
        while process.stdout and (data := await process.stdout.receive_some()):
            seen += data
            process.kill() if len(seen) > 600 else None
    return seen.decode(errors="ignore")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_loopback(RIVERS, event_s=0.002) as server:
            before = await read_and_kill([sys.executable, __file__, server.anthropic_url, f"{folder}/runs.db"])
            print(before, "[killed here]", sep="", flush=True)
            after = await show(server.anthropic_url, f"{folder}/runs.db", len(before))
    assert before + after == RIVERS.text, "this is what riverrun is for"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    trio.run(partial(show, sys.argv[1], sys.argv[2]) if sys.argv[1:] else main)
