"""What a call of the kit has to be given: refused where it is called, with what was seen and expected."""

from __future__ import annotations

from typing import cast

import trio

from ..core.usage_error import UsageError


def require_planner(caller: str, planner: object) -> None:
    """Raise UsageError for a planner that can not be asked: inside a run it would be an error of the run."""
    if planner is not None and not callable(planner):
        raise UsageError(
            f"{caller}(planner=) is {repr(planner)[:80]}; expected a function of (snapshot, capabilities), or None"
        )


def require_no_run(caller: str) -> None:
    """Raise UsageError inside a trio run: `caller` starts runs of its own."""
    if trio.lowlevel.in_trio_run():
        said = "was called inside a trio run, and starts runs of its own"
        raise UsageError(f"{caller}() {said}; expected it outside, or in trio.to_thread.run_sync")


def require_draws(caller: str, runs: int, seed: int) -> None:
    """Raise UsageError for what no check can begin with: a trio run around it, no runs, a seed that is no number."""
    require_no_run(caller)
    for name, value, least in (("runs", cast("object", runs), 1), ("seed", seed, None)):
        at_least = "" if least is None else f" of at least {least}"
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            raise UsageError(f"{caller}({name}=) is {value!r}; expected a whole number{at_least}")
