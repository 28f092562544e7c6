"""One run in a process of its own, that is going to be killed: what it shows goes to stdout, a JSON line an event."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import trio

import riverrun as rr

QUESTION = rr.InferenceRequest([rr.Message.user("Tell me of rivers.")], max_tokens=100_000)
RUN_ID = "the answer"
LAG_S = 0.05


def provider_at(wire: str, port: int) -> Any:
    if wire == "anthropic":
        return rr.Anthropic("claude-sonnet-4-5", base_url=f"http://127.0.0.1:{port}")
    return rr.OpenAIChat("gpt-4o", base_url=f"http://127.0.0.1:{port}/v1")


def policy_of(*, before_delivery: bool) -> rr.Policy:
    checkpoint = rr.CheckpointPolicy(before_delivery=before_delivery, lag_s=LAG_S, lag_bytes=4096)
    return rr.Policy(checkpoint=checkpoint, retry=rr.RetryPolicy(base_delay_s=0.01))


class DeadlyStore(rr.SQLiteStore):
    """A store that kills its process around a call of the test's choice, as a power switch would: "append 3 after"."""

    def __init__(self, path: str, dies_at: str | None) -> None:
        super().__init__(path)
        self._dies_at = dies_at
        self._appends = 0

    async def append(self, run_id: str, fence: int, sequence: int, entry: bytes) -> None:
        self._die_if(f"append {self._appends} before")
        await super().append(run_id, fence, sequence, entry)
        self._die_if(f"append {self._appends} after")
        self._appends += 1

    async def delete(self, run_id: str, fence: int) -> None:
        self._die_if("delete before")
        await super().delete(run_id, fence)
        self._die_if("delete after")

    def _die_if(self, here: str) -> None:
        if here == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


def say(**row: object) -> None:
    """Write a line in one unbuffered write: what was shown was shown."""
    os.write(1, json.dumps(row | {"at_s": time.monotonic()}).encode() + b"\n")


def show(event: rr.Event) -> None:
    match event:
        case rr.TextDelta(text):
            say(text=text)
        case rr.StreamReset():
            say(reset=True)
        case rr.ToolCallReady(call):
            say(ready=call.id)
        case rr.Finished():
            say(finished=True)
        case _:
            pass


async def main(wire: str, port: int, path: str, before_delivery: bool, dies_at: str | None) -> None:
    store = DeadlyStore(path, dies_at)
    engine = rr.Engine(provider_at(wire, port), policy=policy_of(before_delivery=before_delivery), store=store)
    try:
        async with store, engine.open_stream(QUESTION, run_id=RUN_ID) as run:
            async for event in run:
                show(event)
    except rr.StoreError as error:
        say(store_error=type(error).__name__)


if __name__ == "__main__":
    trio.run(main, *json.loads(sys.argv[1]))
