"""A stall in production becomes a unit test: record it once, then replay it in virtual time, without the prompt."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import trio
from trio.testing import MockClock

from riverrun import Anthropic, Engine, InferenceRequest, Message, Policy, Recorder, RetryPolicy, StallPolicy
from riverrun.testing import RIVERS, Fault, FaultKind, open_loopback, recorded

REQUEST = InferenceRequest(Message.user("Can I step into the same river twice?"), max_tokens=2_000)
PATIENCE = Policy(stall=StallPolicy(idle_s=0.5), retry=RetryPolicy(base_delay_s=0.1))


async def record_in_production(path: Path) -> None:
    """A provider that falls silent in the middle; in a file: what crossed the wire, with times and placeholders."""
    async with open_loopback(RIVERS, [Fault(FaultKind.STALL, at=30)]) as server:
        provider = Anthropic("claude-sonnet-4-5", base_url=server.anthropic_url)
        with Recorder(path, provider, REQUEST, policy=PATIENCE) as recorder:
            engine = Engine(provider, policy=PATIENCE, transport=recorder.transport)
            result = await engine.complete(REQUEST)
    assert result.text == RIVERS.text


async def test_the_stall_is_got_over(path: Path) -> None:
    """The unit test: no network, no waiting, no prompt; everything above the transport is real."""
    recording = recorded(path)
    result = await recording.engine().complete(recording.request)
    assert [str(attempt.cause) for attempt in result.attempts] == ["idle stall", "None"]
    assert len(result.text) == len(RIVERS.text)
    assert result.text != RIVERS.text, "placeholders: the answer is not in the file"
    for attempt in result.attempts:
        print(f"attempt {attempt.number}: {attempt.cause or 'whole'}, seam: {attempt.seam or '-'}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stall.jsonl"
        trio.run(record_in_production, path)
        assert "river" not in path.read_text("utf-8").partition("\n")[2].replace("riverrun", "")
        trio.run(test_the_stall_is_got_over, path, clock=MockClock(autojump_threshold=0))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    main()
