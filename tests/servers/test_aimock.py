"""riverrun against npm's `@copilotkit/aimock`: streams cut by count and by the clock, and requests that chaos eats."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import riverrun as rr
from tests.servers.aimock import AIMock, open_aimock
from tests.servers.formats import AT_ONCE, POLICY, QUESTION, RESTARTS_ONLY, TEXT, Format, ask, check_error, every_format
from tests.sockets.peers import SeenHere, check_whole

pytestmark = pytest.mark.servers

FAULTS: dict[str, list[dict[str, Any]]] = {
    **{f"truncated after {chunks}": [{"truncateAfterChunks": chunks}] for chunks in (1, 2, 3, 4, 9, 14)},
    "truncated, three times": [{"truncateAfterChunks": 6}, {"truncateAfterChunks": 5}, {"truncateAfterChunks": 4}],
    **{f"disconnected after {ms} ms": [{"disconnectAfterMs": ms}] for ms in (1, 25, 60, 140)},
    "disconnected, three times": [{"disconnectAfterMs": 70}, {"disconnectAfterMs": 60}, {"disconnectAfterMs": 50}],
    "dropped": [{"chaos": {"dropRate": 1}}],
    "malformed": [{"chaos": {"malformedRate": 1}}],
    "rate limited": [{"chaos": {"rateLimitRate": 1}}],
    "eaten": [{"chaos": {"disconnectRate": 1}}],
    "late": [{"chaos": {"latencyMs": 1500}}],
    "all of it": [{"chaos": {"disconnectRate": 1}}, {"truncateAfterChunks": 7}, {"disconnectAfterMs": 80}],
}
ALWAYS = {"always truncated": [{"truncateAfterChunks": 12, "always": True}]}  # an empty answer has nine events or fewer
every_fault = pytest.mark.parametrize("fault", FAULTS)
some_faults = pytest.mark.parametrize(
    "fault",
    [
        "truncated after 3",
        "truncated, three times",
        "disconnected after 60 ms",
        "disconnected, three times",
        "all of it",
    ],
)


@pytest.fixture(scope="session")
def aimock(logs: Path) -> Iterator[AIMock]:
    with open_aimock(logs, TEXT, {**FAULTS, **ALWAYS}) as server:
        yield server


async def asked(aimock: AIMock, spec: Format, fault: str, policy: rr.Policy = POLICY, **options: Any) -> SeenHere:
    headers = {"x-test-id": uuid.uuid4().hex, **options.pop("headers", {})}
    request = evolve(QUESTION, system=f"fault: {fault}.")
    return await ask(spec, aimock.base_url(spec), policy=policy, request=request, headers=headers, **options)


def attempts_of(seen: SeenHere) -> int:
    assert seen.result is not None
    return len(seen.result.attempts)


@every_format
@every_fault
async def test_a_broken_answer_is_continued_to_the_whole_text(aimock: AIMock, spec: Format, fault: str) -> None:
    seen = await asked(aimock, spec, fault)
    check_whole(seen, TEXT)
    assert attempts_of(seen) == 1 + len(FAULTS[fault])
    assert not any(isinstance(event, rr.StreamReset) for event in seen.events)


@every_format
@some_faults
async def test_a_broken_answer_is_had_whole_by_asking_again(aimock: AIMock, spec: Format, fault: str) -> None:
    seen = await asked(aimock, spec, fault, capabilities=RESTARTS_ONLY)
    check_whole(seen, TEXT)
    assert attempts_of(seen) == 1 + len(FAULTS[fault])


@every_format
async def test_an_answer_that_always_breaks_off_grows_until_it_is_whole(aimock: AIMock, spec: Format) -> None:
    patient = evolve(POLICY, retry=evolve(POLICY.retry, attempts_max=40, **AT_ONCE))
    seen = await asked(aimock, spec, "always truncated", patient)
    assert seen.text == TEXT[: len(seen.text)]
    check_whole(seen, TEXT)


@every_format
async def test_an_answer_that_always_breaks_off_is_an_error_where_it_can_not_grow(aimock: AIMock, spec: Format) -> None:
    seen = await asked(aimock, spec, "always truncated", capabilities=RESTARTS_ONLY)
    check_error(seen, rr.StreamInterrupted)
    assert TEXT.startswith(seen.text)


CHAOS: dict[str, tuple[type[rr.InferenceError], ...]] = {
    "drop": (rr.errors.ProviderError,),
    "malformed": (rr.errors.ProviderError,),
    "ratelimit": (rr.errors.RateLimited,),
    "disconnect": (rr.errors.ProviderError,),
}


@every_format
@pytest.mark.parametrize(("header", "kinds"), CHAOS.items(), ids=CHAOS)
async def test_a_server_in_chaos_is_one_typed_error(
    aimock: AIMock, spec: Format, header: str, kinds: tuple[type[rr.InferenceError], ...]
) -> None:
    twice = evolve(POLICY, retry=evolve(POLICY.retry, attempts_max=2))
    seen = await asked(aimock, spec, "none", twice, headers={f"x-aimock-chaos-{header}": "1"})
    assert isinstance(seen.error, kinds)
    assert seen.text == ""


@every_format
async def test_chaos_half_of_the_time_costs_attempts_and_no_text(aimock: AIMock, spec: Format) -> None:
    patient = evolve(POLICY, retry=evolve(POLICY.retry, attempts_max=90, **AT_ONCE))
    headers = {f"x-aimock-chaos-{name}": "0.3" for name in ("drop", "malformed", "disconnect")}
    check_whole(await asked(aimock, spec, "disconnected, three times", patient, headers=headers), TEXT)


@every_format
async def test_a_late_answer_within_the_clocks_is_no_fault(aimock: AIMock, spec: Format) -> None:
    seen = await asked(aimock, spec, "none", headers={"x-aimock-chaos-latency": "100"})
    check_whole(seen, TEXT)
    assert attempts_of(seen) == 1
