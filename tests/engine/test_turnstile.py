"""Opening a thousand answers at once leaves every other task its turns, and is no time of the provider's."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.run.turnstile import PASSING_MAX, Turnstile
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.engine.testing.wire.formats import Reply, Wire, events_of
from tests.law_runs import QUESTION

PROVIDER = rr.OpenAIChat("gpt-4o", base_url="http://127.0.0.1:9/v1")
ANSWER = Script([b"".join(events_of(Wire.OPENAI, Reply(1, "m", ["ok"])))])


class Turns(trio.abc.Instrument):
    """Counts how many answers are opened in each turn of the scheduler."""

    def __init__(self) -> None:
        self.opened: list[int] = []

    def before_io_wait(self, timeout: float) -> None:
        self.opened.append(0)

    def open(self, wire: WireRequest) -> Script:
        self.opened[-1] += 1
        return ANSWER


@pytest.fixture
def turns() -> Turns:
    """An instrument that is a fixture is given to the test's run."""
    return Turns()


async def test_of_a_thousand_answers_a_few_are_opened_in_a_turn(turns: Turns) -> None:
    engine = rr.Engine(PROVIDER, transport=ScriptedTransport(turns.open))
    async with trio.open_nursery() as nursery:
        for _ in range(1_000):
            nursery.start_soon(engine.complete, QUESTION)
    assert sum(turns.opened) == 1_000
    assert max(turns.opened) == PASSING_MAX


async def test_law_6_waiting_for_a_turn_is_no_time_of_the_providers(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async def wait_turn(_: Turnstile) -> None:
        await trio.sleep(3_600.0)

    monkeypatch.setattr(Turnstile, "wait_turn", wait_turn)
    policy = rr.Policy(stall=rr.StallPolicy(headers_s=1.0, first_event_s=1.0, total_s=1.0))
    engine = rr.Engine(PROVIDER, policy=policy, transport=ScriptedTransport(lambda _: ANSWER))
    assert len((await engine.complete(QUESTION)).attempts) == 1
    assert trio.current_time() >= 3_600.0


async def test_who_is_cancelled_while_waiting_gives_the_place_up() -> None:
    turnstile = Turnstile()
    for _ in range(PASSING_MAX):
        await turnstile.wait_turn()
    with trio.move_on_after(0) as scope:
        await turnstile.wait_turn()
    await turnstile.wait_turn()  # nobody wakes the one that left
    assert scope.cancelled_caught


def test_a_turnstile_is_free_again_in_the_next_trio_run() -> None:
    turnstile = Turnstile()

    async def crash() -> None:
        for _ in range(PASSING_MAX):
            await turnstile.wait_turn()
        raise KeyError

    with pytest.raises(KeyError):
        trio.run(crash)
    trio.run(turnstile.wait_turn)
