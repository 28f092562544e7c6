"""The `async with` block of a run: what `Engine.open_stream` returns."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType

import trio

from ..error_groups import single_error
from .context import RunContext
from .journal_writer import logger
from .opening import RunRequest, open_run
from .run import Run
from .running import RunningRun


class OpenedRun:
    """The `async with` block of a run: opens it, and leaves nothing of it behind."""

    def __init__(self, context: RunContext, asked: RunRequest, use: AbstractAsyncContextManager[None]) -> None:
        self._context = context
        self._asked = asked
        self._engine_use = use
        self._nursery = trio.open_nursery()
        self._running: RunningRun | None = None

    async def __aenter__(self) -> Run:
        await self._engine_use.__aenter__()
        try:
            run, self._running = await open_run(self._context, self._asked)
            nursery = await self._nursery.__aenter__()
        except BaseException:
            await self._engine_use.__aexit__(None, None, None)
            raise
        self._running.start(nursery)
        return run

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run and wait for its tasks; the body's own exception leaves as it is, never wrapped.

        If cancelled: the last flush of the checkpoint is shielded, and bounded by `CheckpointPolicy.last_flush_s`.
        """
        if self._running is not None:
            self._running.leave()
        crash: BaseException | None = None
        try:
            await self._nursery.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            crash = self._crash_of(group, error)
        finally:
            await self._engine_use.__aexit__(None, None, None)
        if crash is not None:
            try:
                raise crash
            finally:
                del crash  # it and this frame would hold each other, and all of the run

    def _crash_of(self, group: BaseExceptionGroup[BaseException], error: BaseException | None) -> BaseException | None:
        """Choose what leaves the block in place of the body's own `error`; None where that leaves as it is."""
        if error is not None and group.split(trio.Cancelled)[1] is None:
            return None  # Cancelled alone is no crash
        if isinstance(error, Exception) and group.split((Exception, trio.Cancelled))[1] is None:
            logger.exception("run %r crashed while an exception left its block", self._asked.run_id)
            return None
        return single_error(group)  # a Ctrl-C that hit a task of the run is nobody's to replace

    def __repr__(self) -> str:
        return f"<OpenedRun of {self._asked.run_id!r}: use it with async with>"
