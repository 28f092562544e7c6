"""Where runs start and what they share: the connection pool, the store, and what was learned of the providers.

engine = Engine(Anthropic("claude-…"), store=SQLiteStore("runs.db"))
async with engine.open_stream(request, run_id="answer-42") as run:
    async for event in run:
        …
result = run.result
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import trio

from .core.errors import InferenceCancelled, UsageError
from .core.events import Finished
from .core.planner import plan_recovery
from .core.policy import Policy
from .core.provider import Provider
from .core.request import InferenceRequest, require_encodable
from .core.result import StreamResult
from .core.retry_budget import RetryBudget
from .core.run_state import Planner
from .core.target import Target
from .core.validators import require_instance, seen
from .http.transport import HTTPTransport, Transport
from .run.block import OpenedRun
from .run.context import RunContext
from .run.opening import RunRequest
from .run.run import Run
from .source import EventSource, is_event_source
from .stores.store import CheckpointStore


class Engine:
    """Keeps answers of one provider flowing. Cheap to hold, safe to share between tasks of one trio run.

    Args:
        provider: who answers: a provider (`Anthropic(…)`), or an `EventSource` in the same process. Its `client`, an
            `httpx.AsyncClient` or `httpx2.AsyncClient` of yours, is used if it has one, and never closed here.
        policy: how patient to be.
        store: where checkpoints go; without one, a killed process loses its runs.
        transport: how requests are sent and bodies read; the default is httpx (the provider's `client`, or our own).
        planner: what decides on a plan; pure. The default is `plan_recovery`.
        chance: the only dice, for jitter and made-up run ids: a call gives a float in [0, 1).
        wall_clock: unix seconds, for dates in Retry-After and for checkpoints. All waiting is on trio's clock.

    Used with `async with`, the engine keeps its connections for the next run until the block is left; without, they
    live while at least one run is open.
    """

    def __init__(
        self,
        provider: Provider | EventSource,
        *,
        policy: Policy | None = None,
        store: CheckpointStore | None = None,
        transport: Transport | None = None,
        planner: Planner = plan_recovery,
        chance: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        _require_provider(provider)
        _require_store(store)
        for name, function in (("planner", planner), ("chance", chance), ("wall_clock", wall_clock)):
            if not callable(function):
                raise UsageError(f"{name} is {seen(function)}; expected a function: leave it out for the default")
        self._provider = provider
        self._policy = policy if policy is not None else Policy()
        require_instance("policy", self._policy, Policy, "a Policy(…), or None for the default")
        self._store = store
        self._chance = chance
        self._transport: Transport = transport or HTTPTransport(getattr(provider, "client", None))
        budget = RetryBudget(self._policy.retry.engine_retries_max)
        targets = (Target(provider),)
        self._context = RunContext(targets, self._policy, self._transport, planner, chance, wall_clock, budget)
        self._uses = 0

    @property
    def provider(self) -> Provider | EventSource:
        """Who answers."""
        return self._provider

    @property
    def policy(self) -> Policy:
        """How patient it is."""
        return self._policy

    @property
    def store(self) -> CheckpointStore | None:
        """Where checkpoints go."""
        return self._store

    def open_stream(
        self, request: InferenceRequest, *, run_id: str | None = None, deliver_from: int = 0
    ) -> AbstractAsyncContextManager[Run]:
        """Ask, and give the answer as it comes: `async with engine.open_stream(request) as run`.

        If the store holds a checkpoint of `run_id`, what was said is handed out first, and the answer goes on from
        there: completed calls or an ended answer finish it without a request. Completed calls are handed out again:
        tell them by their ids.

        Args:
            request: what to ask.
            run_id: names the run in the store, across processes; made up if None.
            deliver_from: how many characters of text the consumer already has.

        Raises:
            UsageError: an argument is none of these, what the user says can not be encoded, or this is no trio task.

        Raises (on entering):
            CheckpointMismatch: `run_id` belongs to another request.
            StoreError: the store holds something unreadable, or refuses to be used.
        If cancelled: the run ends, its checkpoint is flushed within a bound, and the block is left by `Cancelled`.
        """
        require_instance("request", request, InferenceRequest, "an InferenceRequest([Message.user('…')])")
        require_encodable(request)
        _require_run_id(run_id)
        _require_shown(deliver_from)
        _require_trio()
        name = run_id if run_id is not None else f"run-{int(self._chance() * 2**53):014x}"
        return OpenedRun(self._context, RunRequest(request, name, self._store, deliver_from), _Use(self))

    async def complete(self, request: InferenceRequest, *, run_id: str | None = None) -> StreamResult:
        """Ask, and give the whole answer. Recovers like `open_stream`.

        Raises:
            UsageError: as `open_stream`.
            InferenceError: the run failed; its `snapshot` holds what was said.
            InferenceCancelled: somebody paused or cancelled the run from inside.
        If cancelled: as `open_stream`.
        """
        async with self.open_stream(request, run_id=run_id) as run:
            while not isinstance((await run.receive_many())[-1], Finished):
                pass
        if run.result.is_partial:
            raise InferenceCancelled("the run was cancelled before the answer was whole", snapshot=run.snapshot())
        return run.result

    async def aclose(self) -> None:
        """Close the connections the engine made: now, or with the last run or block under way, which still needs them.

        A client of the caller's stays open.
        """
        if not self._uses:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        _require_trio()
        self._uses += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._uses -= 1
        if not self._uses:
            await self.aclose()


class _Use:
    """One user of an engine's connections; the last one out closes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __aenter__(self) -> None:
        await self._engine.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.__aexit__(kind, error, trace)


def _require_provider(provider: object) -> None:
    # A str has an encode() too, and a class has every method its instances have.
    if isinstance(provider, type) or not (is_event_source(provider) or hasattr(provider, "decoder")):
        shown = provider if isinstance(provider, type) else type(provider).__name__
        raise UsageError(
            f"{shown} is neither a provider nor an event source; expected an object with "
            "encode() and decoder(), or with open_events(), such as Anthropic('…')"
        )


_STORE_METHODS = ("open_journal", "append", "delete", "list_runs", "aclose")


def _require_store(store: object) -> None:
    is_store = not isinstance(store, type) and all(callable(getattr(store, name, None)) for name in _STORE_METHODS)
    if store is not None and not is_store:
        methods = ", ".join(_STORE_METHODS)
        raise UsageError(f"store is {seen(store)}; expected an object with {methods}, such as SQLiteStore('runs.db')")


def _require_run_id(run_id: object) -> None:
    if run_id is not None and not (isinstance(run_id, str) and run_id):
        raise UsageError(
            f"run_id is {seen(run_id)}; expected text that is not empty, or None",
            argument="run_id",
            advice=": str(…) makes text of it",
        )


def _require_shown(deliver_from: object) -> None:
    if isinstance(deliver_from, bool) or not isinstance(deliver_from, int) or deliver_from < 0:
        shown = seen(deliver_from)
        raise UsageError(f"deliver_from is {shown}; expected the number of characters shown, 0 or more")


def _require_trio() -> None:
    if not trio.lowlevel.in_trio_task():
        raise UsageError("used outside trio (under asyncio?); expected to be in a task of trio's: trio.run(main)")
