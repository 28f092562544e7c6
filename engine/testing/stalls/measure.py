"""Measure what a policy does to answers, in virtual time: thousands of them in seconds, the same for the same seed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from random import Random

import trio
from trio.testing import MockClock

from ...core.errors import InferenceError
from ...core.events import Finished, StreamReset, TextDelta
from ...core.messages import Message
from ...core.policy import Policy
from ...core.request import InferenceRequest
from ...core.usage_error import UsageError
from ...core.validators import require_instance
from ...engine import Engine
from ..law import require_no_run
from ..simulator.clock import order_tasks_by, seeded_order
from .curves import curves_of
from .gaps import TRACES, Gaps
from .measures import measures
from .mishaps import Mishaps
from .plain import PlainClient
from .record import AnswerRecord
from .report import StallReport
from .script import World
from .speaker import CONTINUES, Speaker, text_of

AT_ONCE = 100
"""How many answers run in one loop: they share what a tick of trio costs."""

READER_S_MAX = 3600.0
"""How long a reader waits for an answer: after that it is not whole."""

_ASK = InferenceRequest([Message.user("Say the words.")])


def measure_stalls(
    client: Policy | PlainClient,
    *,
    gaps: Gaps | str = "log-normal",
    mishaps: Mishaps | None = None,
    continues: str = "quote",
    answers: int = 1000,
    words: int = 400,
    prompt_tokens: int = 500,
    seed: int = 0,
    name: str = "policy",
    progress: Callable[[int], object] | None = None,
) -> StallReport:
    """Measure what a client does to so many answers.

        report = measure_stalls(Policy(stall=StallPolicy(idle_s=10)), gaps="heavy-tail")
        assert report["detection p95"].value <= 12
        assert report["healthy given up"].high < 1     # of 1,000 answers

    Args:
        client: a policy, which the engine carries out; or a client that starts over.
        gaps: how words come: a `GapModel`, `RecordedGaps`, or the name of one of `TRACES`.
        mishaps: what goes wrong, with its odds; None: those of `Mishaps()`.
        continues: how the provider lets an answer be gone on with: "prefill", "quote", "cursor" or "nothing".
        answers: how many; what is rare needs many.
        words: of an answer; a word counts as a token.
        prompt_tokens: what each request costs besides what it repeats.
        seed: the same gives the same report, on any machine.
        name: of the client, in tables.
        progress: called with how many answers are done.

    Raises:
        UsageError: an argument is none; or it was called inside of a trio run.
    """
    require_no_run("measure_stalls")
    if not isinstance(client, PlainClient):
        require_instance("client", client, Policy, "a Policy(…) or a PlainClient(…)")
    world = World(
        gaps=_gaps_of(gaps),
        mishaps=Mishaps() if mishaps is None else mishaps,
        continues=_name_of("continues", continues, CONTINUES),
        words=_count("words", words),
        prompt_tokens=prompt_tokens,
        seed=seed,
    )
    records: list[AnswerRecord] = []
    for start in range(0, _count("answers", answers), AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, answers))
        if isinstance(client, PlainClient):
            records.extend(client.answer(world, number) for number in numbers)
        else:
            records.extend(_run(partial(_read_all, client, world, numbers)))
        if progress is not None:
            progress(len(records))
    dice = Random(seed)  # noqa: S311 - resamples have to repeat
    told = {measure.name: measure.estimate(records, dice) for measure in measures(prompt_tokens)}
    inexact, curves = sum(not record.exact for record in records), curves_of(client, world, records)
    return StallReport(name, world.gaps.name, continues, answers, seed, told, inexact, curves)


def _gaps_of(gaps: Gaps | str) -> Gaps:
    return TRACES[_name_of("gaps", gaps, TRACES)] if isinstance(gaps, str) else gaps


def _name_of(argument: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise UsageError(f"{argument} is {name!r}; expected one of: {', '.join(known)}", argument=argument)
    return name


def _count(argument: str, number: int) -> int:
    if number < 1:
        raise UsageError(f"{argument} is {number}; expected at least 1", argument=argument)
    return number


def _run(read_all: Callable[[], Awaitable[list[AnswerRecord]]]) -> list[AnswerRecord]:
    clock = MockClock(autojump_threshold=0)
    with seeded_order():
        return trio.run(read_all, clock=clock)


async def _read_all(policy: Policy, world: World, numbers: range) -> list[AnswerRecord]:
    records = [AnswerRecord(world.words) for _ in numbers]
    async with trio.open_nursery() as nursery:
        for number, record in zip(numbers, records, strict=True):
            nursery.start_soon(_read, policy, world, number, record)
    return records


async def _read(policy: Policy, world: World, number: int, record: AnswerRecord) -> None:
    """Read one answer, by an engine of its own: what engines share is no part of what is measured."""
    dice = Random(f"{world.seed}/{number}")  # noqa: S311 - as above
    order_tasks_by(dice.random)
    speaker = Speaker(world, number, record)
    began_s, text = trio.current_time(), ""
    with trio.move_on_after(READER_S_MAX):
        try:
            engine = Engine(speaker, policy=policy, transport=speaker, chance=dice.random)
            async with engine.open_stream(_ASK) as run:
                async for event in run:
                    if isinstance(event, TextDelta | StreamReset):
                        text = text + event.text if isinstance(event, TextDelta) else ""
                        record.show(trio.current_time() - began_s, text.count(" "))
                    if isinstance(event, Finished):  # what is told as unconfirmed is not told to be whole
                        record.whole = not event.result.is_unconfirmed
        except InferenceError:
            pass
    record.ended_s = trio.current_time() - began_s
    said = text.count(" ")
    record.exact = text == text_of(0, said) and (not record.whole or said == world.words)
