"""Two pytest fixtures, for whoever asks: `pytest_plugins = ["riverrun.testing.pytest_plugin"]` in a conftest.

Nothing loads it by itself: there is no entry point, and no other module of the kit imports pytest.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol, cast

import pytest
from attrs import evolve

from ..core.json_value import JSONObject
from ..core.provider import WireRequest
from ..core.run_rules import Planner
from ..core.usage_error import UsageError
from .network.script import ENDS_NAMED, Step, is_step
from .network.transport import Script, ScriptedTransport
from .script.answers import Answer
from .simulator.generate import scenario_of
from .simulator.runner import Outcome, simulate
from .simulator.scenario import Scenario
from .simulator.story import tell_story
from .wire.answers import answer_events, wire_of
from .wire.formats import Wire, read_continuation


class RunsSimulation(Protocol):
    """What `riverrun_simulation` gives."""

    def __call__(self, scenario: Scenario | int, *, planner: Planner | None = None) -> Outcome:
        """Simulate a scenario, or the one of a seed; fails the test with its story where a law breaks."""
        ...


def _simulate(scenario: Scenario | int, *, planner: Planner | None = None) -> Outcome:
    outcome = simulate(scenario_of(scenario) if isinstance(scenario, int) else scenario, planner=planner)
    if outcome.broken:
        pytest.fail(tell_story(outcome), pytrace=False)
    return outcome


@pytest.fixture
def riverrun_simulation() -> RunsSimulation:
    """Simulates one run: `riverrun_simulation(Scenario(…), planner=my_plan)`; a broken law fails the test."""
    return _simulate


MakeTransport = Callable[..., ScriptedTransport]


@pytest.fixture
def scripted_provider() -> MakeTransport:
    """Makes the network on which a provider says what a test wrote: `Engine(provider, transport=scripted_provider(…))`.

    `scripted_provider("anthropic", RIVERS)` answers every request with the answer; one that says how far it came, with
    the rest of it. Further arguments are what is said instead to the first requests, each a list of steps: bytes,
    `Silence(seconds)`, `Reset()` and its neighbours, or the number of events to say before the steps that follow:
    `[3, Reset()]`. Anything else is a UsageError.
    """
    return _scripted


def _scripted(provider_name: str, answer: Answer, *firsts: list[Step | int]) -> ScriptedTransport:
    if not isinstance(cast("object", answer), Answer):
        raise UsageError(f"scripted_provider() was given {repr(answer)[:80]} as the answer; expected an Answer")
    for number, first in enumerate(firsts, 1):
        _require_steps(number, first)
    wire, following = wire_of(provider_name), list(firsts)

    def script_for(request: WireRequest) -> Script:
        events = answer_events(provider_name, _rest(answer, wire, request))
        return Script(_steps(events, following.pop(0) if following else [len(events)]))

    return ScriptedTransport(script_for)


def _require_steps(number: int, given: object) -> None:
    """Raise UsageError for what a request can not be answered with."""
    said = f"scripted_provider() was given {repr(given)[:80]} for request {number}; expected a list"
    if not isinstance(given, list | tuple):
        raise UsageError(f"{said} of steps, as in [3, Reset()]")
    for step in cast("list[object]", given):
        if not is_step(step) and (not isinstance(step, int) or isinstance(step, bool)):
            kinds = f"bytes, Silence(seconds), {ENDS_NAMED} or a number of events"
            raise UsageError(f"{said} of {kinds}, and in it is {repr(step)[:80]}")


def _rest(answer: Answer, wire: Wire, request: WireRequest) -> Answer:
    """What an honest model has left to say: a turn that goes on does not think again."""
    said = read_continuation(wire, cast("JSONObject", json.loads(request.body)), continues=True).text
    if not said or not answer.text.startswith(said):
        return answer
    return evolve(answer, text=answer.text[len(said) :], reasoning="")


def _steps(events: list[bytes], script: list[Step | int]) -> list[Step]:
    said: list[Step] = []
    for step in script:
        said += events[:step] if isinstance(step, int) else [step]
    return said
