"""A model in the same process, where a provider goes: an `EventSource`. It crashes once, and its answer goes on.

Nothing to inherit: an object with `name`, `model`, `capabilities` and `open_events`. To be continued, it goes on after
the assistant's turn at the end of the request: that is what PREFILL promises.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

import riverrun as rr

TEXT = "a parrot that is interrupted goes on in the middle of the word, and thinks nothing of it"
QUICK = rr.Policy(retry=rr.RetryPolicy(base_delay_s=0.1))


class Parrot:
    """It knows one sentence."""

    name, model, crashes_left = "own", "parrot-1", 1

    def capabilities(self, request: rr.InferenceRequest) -> rr.Capabilities:
        """Say that a trailing assistant turn is continued."""
        return rr.Capabilities(forms=(rr.ContinuationForm.PREFILL,))

    @asynccontextmanager
    async def open_events(
        self, request: rr.InferenceRequest, form: rr.ContinuationForm | None
    ) -> AsyncGenerator[trio.MemoryReceiveChannel[rr.lowlevel.StreamEvent]]:
        """Answer once. The block is left when the attempt ends, by cancellation too."""
        said = request.messages[-1].text if form is rr.ContinuationForm.PREFILL else ""
        send, receive = trio.open_memory_channel[rr.lowlevel.StreamEvent](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._speak, send, TEXT[len(said) :])
            yield receive
            nursery.cancel_scope.cancel(reason="the attempt has ended")

    async def _speak(self, send: trio.MemorySendChannel[rr.lowlevel.StreamEvent], text: str) -> None:
        with send:  # the end of the channel after StopReported is the end of the answer; before, a premature end
            for position, character in enumerate(text):
                if self.crashes_left and position == 30:
                    self.crashes_left -= 1
                    raise rr.errors.ProviderError("the parrot fell off its perch")
                await send.send(rr.TextDelta(character))
            await send.send(rr.lowlevel.StopReported(rr.StopReason.END_TURN, "done"))


async def main() -> None:
    result = await rr.Engine(Parrot(), policy=QUICK).complete(rr.InferenceRequest(rr.Message.user("Begin.")))
    print(result.text, [str(attempt.cause) for attempt in result.attempts], sep="\n")


if __name__ == "__main__":
    trio.run(main)
