"""First steps: print an answer as it comes, while its connection breaks twice.

The provider is a server on this machine, so that this runs without a key. For a real one leave out `open_loopback` and
`base_url`, and put the key into ANTHROPIC_API_KEY.
"""

from __future__ import annotations

import sys

import trio

from riverrun import (
    Anthropic,
    Engine,
    InferenceRequest,
    Interrupted,
    Message,
    Policy,
    Resumed,
    RetryPolicy,
    StreamReset,
    TextDelta,
)
from riverrun.testing import RIVERS, Fault, FaultKind, Unit, WireCut, open_loopback

FAULTS = (Fault(FaultKind.RESET, at=5_000, cut=WireCut(Unit.CHARACTER)), Fault(FaultKind.PREMATURE_END, at=60))
QUICK = Policy(retry=RetryPolicy(base_delay_s=0.1))


async def main() -> None:
    async with open_loopback(RIVERS, FAULTS) as server:
        engine = Engine(Anthropic("claude-sonnet-4-5", base_url=server.anthropic_url), policy=QUICK)
        request = InferenceRequest(Message.user("Can I step into the same river twice?"), max_tokens=2_000)
        async with engine.open_stream(request) as run:
            async for event in run:
                match event:
                    case TextDelta(text):
                        print(text, end="", flush=True)
                    case StreamReset(reason):  # what was printed so far is void: the answer begins anew
                        print(f"\n--- from the start: {reason} ---")
                    case Interrupted(cause, plan):
                        print(f"[{cause}; {type(plan).__name__}]", file=sys.stderr)
                    case Resumed(attempt, _, continuation, seam):
                        print(f"[attempt {attempt} by {continuation}, seam {seam}]", file=sys.stderr)
                    case _:
                        pass
        print(f"[{run.result.stop_reason}, {len(run.result.attempts)} attempts]", file=sys.stderr)
        assert run.result.text == RIVERS.text, "this is what riverrun is for"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    trio.run(main)
