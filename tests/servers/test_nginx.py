"""riverrun through nginx, in front of a provider of ours: what an operator does to a proxy costs no word."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import trio
from attrs import evolve

import riverrun as rr
from riverrun.testing import RIVERS, Fault, FaultKind, Loopback, Wire, open_loopback
from tests.servers.nginx import Certificate, Nginx, make_certificate, open_nginx
from tests.servers.tools import miss
from tests.sockets.peers import NO_TLS, QUICK, SeenHere, check_whole, told, until
from tests.sockets.raw import RawServer, answering, in_turn, saying

pytestmark = pytest.mark.servers

TEXT = RIVERS.text
PACE_S = 0.001
"""Seconds between two of some 400 events: an answer takes about half a second, so there is time to break it."""
QUESTION = rr.InferenceRequest([rr.Message.user("Tell me of rivers.")], max_tokens=100_000)
GENTLE = rr.Policy(retry=evolve(QUICK, base_delay_s=0.02, delay_s_max=0.1))
"""Retries soon, but not before a new worker can be there; the clocks are the defaults."""
GIVES_UP = "proxy_read_timeout 1s;"  # nginx moves a timer only by 300 ms or more: a shorter one ends live streams, too
BUFFERED = "proxy_buffering on;"  # what is not buffered is not limited
CLIENTS: dict[str, Callable[..., Any]] = {"httpx": httpx.AsyncClient, "httpx2": httpx2.AsyncClient}

every_wire = pytest.mark.parametrize("wire", [Wire.ANTHROPIC, Wire.OPENAI], ids=str)
every_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="session")
def certificate(logs: Path) -> Certificate:
    if importlib.util.find_spec("h2") is None:
        miss("h2")
    return make_certificate(logs)


@asynccontextmanager
async def open_engine(
    nginx: Nginx,
    wire: Wire = Wire.ANTHROPIC,
    *,
    client: str = "httpx",
    certificate: Certificate | None = None,
    policy: rr.Policy = GENTLE,
) -> AsyncIterator[rr.Engine]:
    """An engine with a client of the caller's; with a certificate, one that speaks HTTP/2."""
    verify = NO_TLS if certificate is None else certificate.client
    ours = CLIENTS[client](verify=verify, trust_env=False, http2=certificate is not None)
    try:
        if wire is Wire.ANTHROPIC:
            yield rr.Engine(rr.Anthropic("claude-sonnet-4-5", base_url=nginx.origin, client=ours), policy=policy)
        else:
            yield rr.Engine(rr.OpenAIChat("gpt-4o", base_url=f"{nginx.origin}/v1", client=ours), policy=policy)
    finally:
        with trio.CancelScope(shield=True):
            await ours.aclose()


async def consume(engine: rr.Engine, at: dict[int, Callable[[], None]] | None = None) -> SeenHere:
    """One run, in which something happens each time so many characters have been shown."""
    seen, happenings = SeenHere(), dict(at or {})
    async with engine.open_stream(QUESTION) as run:
        try:
            async for event in run:
                seen.take(event)
                for place in [place for place in happenings if len(seen.text) >= place]:
                    happenings.pop(place)()
        except rr.InferenceError as error:
            seen.error = error
    if seen.error is None:
        seen.result = run.result
    return seen


async def through(
    at: dict[int, str] | None = None,
    *,
    faults: Sequence[Fault] = (),
    wire: Wire = Wire.ANTHROPIC,
    client: str = "httpx",
    policy: rr.Policy = GENTLE,
    pace_s: float = PACE_S,
    certificate: Certificate | None = None,
    options: str = "",
    **nginx_options: Any,
) -> tuple[SeenHere, list[str]]:
    """One run through nginx; what was seen, and what each request that reached the provider said was said."""

    async with open_loopback(RIVERS, faults, event_s=pace_s) as provider:
        with open_nginx(provider.port, options, certificate=certificate, **nginx_options) as nginx:
            acts = {place: getattr(nginx, name) for place, name in (at or {}).items()}
            async with open_engine(nginx, wire, client=client, certificate=certificate, policy=policy) as engine:
                seen = await consume(engine, acts)
        await until(lambda: provider.connections_open == 0)
        return seen, told(provider, wire)


def attempts_of(seen: SeenHere) -> int:
    assert seen.result is not None
    return len(seen.result.attempts)


def check_continued(seen: SeenHere, said: Sequence[str], attempts: int) -> None:
    """The whole answer, by continuation, and every request said what had been shown."""
    check_whole(seen, TEXT)
    assert attempts_of(seen) == attempts
    assert all(TEXT.startswith(each) for each in said)
    assert not any(isinstance(event, rr.StreamReset) for event in seen.events)


# -- HTTP/1.1 -----------------------------------------------------------------------------------------------------


@every_wire
@every_client
async def test_an_answer_comes_through_whole(wire: Wire, client: str) -> None:
    check_continued(*await through(wire=wire, client=client), attempts=1)


@every_wire
async def test_a_reload_lets_the_old_worker_finish_the_answer(wire: Wire) -> None:
    check_continued(*await through({200: "reload", 600: "reload"}, wire=wire), attempts=1)


@every_wire
@every_client
async def test_a_reload_that_does_not_wait_is_an_interruption(wire: Wire, client: str) -> None:
    seen, said = await through({300: "reload"}, wire=wire, client=client, shutdown="50ms")
    check_continued(seen, said, attempts=2)


@every_wire
@every_client
@pytest.mark.parametrize("place", [1, 400, 1500])
async def test_a_killed_worker_is_an_interruption(wire: Wire, client: str, place: int) -> None:
    check_continued(*await through({place: "kill_workers"}, wire=wire, client=client), attempts=2)


@every_wire
async def test_workers_killed_again_and_again_are_as_many_interruptions(wire: Wire) -> None:
    acts: dict[int, str] = dict.fromkeys((150, 500, 850, 1200), "kill_workers")
    check_continued(*await through(acts, wire=wire), attempts=5)


@every_wire
async def test_a_rate_that_is_limited_is_slow_and_whole(wire: Wire) -> None:
    check_continued(*await through(wire=wire, pace_s=0.0, options=f"{BUFFERED} limit_rate 60k;"), attempts=1)


async def test_a_rate_under_the_floor_of_the_policy_is_a_stall() -> None:
    floor = rr.StallPolicy(throughput=rr.Throughput(bytes_min=100_000, window_s=0.2))
    policy = rr.Policy(retry=evolve(QUICK, attempts_max=2), stall=floor)
    seen, _ = await through(pace_s=0.0, options=f"{BUFFERED} limit_rate 4k;", policy=policy)
    assert isinstance(seen.error, rr.StreamInterrupted)
    assert seen.error.cause == rr.causes.IdleStall("throughput", 0.2)
    assert TEXT.startswith(seen.text)


@every_wire
async def test_a_silent_provider_is_cut_off_by_the_proxy_and_continued(wire: Wire) -> None:
    faults = [Fault(FaultKind.STALL, 30), Fault(FaultKind.STALL, 90)]
    seen, said = await through(wire=wire, faults=faults, options=GIVES_UP)
    check_continued(seen, said, attempts=3)


@every_wire
async def test_a_provider_that_resets_behind_the_proxy_is_continued(wire: Wire) -> None:
    faults = [Fault(FaultKind.RESET, 30), Fault(FaultKind.HALF_CLOSE, 90), Fault(FaultKind.PREMATURE_END, 60)]
    check_continued(*await through(wire=wire, faults=faults), attempts=4)


# -- pages instead of answers -------------------------------------------------------------------------------------


async def paged(wire: Wire, *pages: str, **options: Any) -> SeenHere:
    """A run through nginx to a provider that is silent, once for each page, before it answers."""
    silent = saying(then="stay")

    async with RawServer(in_turn(*(silent for _ in pages), answering(wire, TEXT))) as provider:
        with open_nginx(provider.port, "proxy_read_timeout 200ms;") as nginx:
            async with open_engine(nginx, wire, **options) as engine:
                return await consume(engine)


@every_wire
async def test_a_504_page_is_asked_again(wire: Wire) -> None:
    seen = await paged(wire, "504", "504")
    check_whole(seen, TEXT)
    assert attempts_of(seen) == 3


@every_wire
async def test_nothing_but_504_pages_is_a_timeout(wire: Wire) -> None:
    seen = await paged(wire, *["504"] * 3, policy=rr.Policy(retry=evolve(QUICK, attempts_max=3)))
    assert type(seen.error) is rr.errors.InferenceTimeout
    assert seen.error.status == 504
    assert seen.text == ""


@every_wire
async def test_nothing_but_502_pages_is_the_providers_failure(wire: Wire) -> None:
    async with open_loopback(RIVERS) as gone:
        port = gone.port
    with open_nginx(port) as nginx:
        async with open_engine(nginx, wire, policy=rr.Policy(retry=evolve(QUICK, attempts_max=3))) as engine:
            seen = await consume(engine)
    assert type(seen.error) is rr.errors.ProviderError
    assert seen.error.status == 502


# -- HTTP/2 -------------------------------------------------------------------------------------------------------


@every_wire
@every_client
async def test_an_answer_comes_through_whole_by_http_2(certificate: Certificate, wire: Wire, client: str) -> None:
    check_continued(*await through(wire=wire, client=client, certificate=certificate), attempts=1)


@every_client
async def test_a_goaway_is_an_interruption_for_the_client_gives_up_every_stream(
    certificate: Certificate, client: str
) -> None:
    # nginx would finish the stream; httpcore raises as soon as it reads on after a GOAWAY.
    seen, said = await through({300: "reload"}, client=client, certificate=certificate)
    check_continued(seen, said, attempts=2)
    assert [event.cause for event in seen.events if isinstance(event, rr.Interrupted)] == [rr.causes.GoAway()]


@every_wire
@every_client
async def test_a_goaway_that_does_not_wait_is_an_interruption(
    certificate: Certificate, wire: Wire, client: str
) -> None:
    seen, said = await through({300: "reload"}, wire=wire, client=client, certificate=certificate, shutdown="50ms")
    check_continued(seen, said, attempts=2)


@every_wire
@every_client
@pytest.mark.parametrize("place", [1, 400, 1500])
async def test_a_killed_worker_is_an_interruption_by_http_2(
    certificate: Certificate, wire: Wire, client: str, place: int
) -> None:
    seen, said = await through({place: "kill_workers"}, wire=wire, client=client, certificate=certificate)
    check_continued(seen, said, attempts=2)


@every_client
async def test_a_stream_that_the_proxy_gives_up_is_continued(certificate: Certificate, client: str) -> None:
    faults = [Fault(FaultKind.STALL, 30), Fault(FaultKind.RESET, 90)]
    seen, said = await through(client=client, certificate=certificate, faults=faults, options=GIVES_UP)
    check_continued(seen, said, attempts=3)


async def many(provider: Loopback, nginx: Nginx, act: str, **options: Any) -> list[SeenHere]:
    """Eight runs over one engine, four at a time; something happens to nginx while they are under way."""
    seen: list[SeenHere] = []
    places = trio.CapacityLimiter(4)

    async def one() -> None:
        async with places:
            seen.append(await consume(engine))

    patient = evolve(GENTLE, retry=evolve(GENTLE.retry, attempts_max=50))  # the client gives up all its streams at once
    async with open_engine(nginx, policy=patient, **options) as engine, trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(one)
        if act:
            await until(lambda: len(provider.requests) >= 3)
            getattr(nginx, act)()
    return seen


@every_client
@pytest.mark.parametrize("act", ["", "reload", "kill_workers"])
async def test_many_answers_over_connections_that_go_away_are_all_whole(
    certificate: Certificate, client: str, act: str
) -> None:
    async with open_loopback(RIVERS, event_s=PACE_S / 2) as provider:
        options = {"server_options": "keepalive_requests 6;", "shutdown": "100ms"}
        with open_nginx(provider.port, certificate=certificate, **options) as nginx:
            seen = await many(provider, nginx, act, client=client, certificate=certificate)
    assert len(seen) == 8
    for each in seen:
        check_whole(each, TEXT)


@every_client
async def test_runs_one_after_the_other_over_connections_that_go_away_are_all_whole(
    certificate: Certificate, client: str
) -> None:
    async with open_loopback(RIVERS) as provider:
        with open_nginx(provider.port, certificate=certificate, server_options="keepalive_requests 2;") as nginx:
            async with open_engine(nginx, client=client, certificate=certificate) as engine:
                for _ in range(7):
                    check_whole(await consume(engine), TEXT)
