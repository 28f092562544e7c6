"""What a call of the kit has to be given: refused where it is called, with what was seen and expected."""

from __future__ import annotations

from ..core.usage_error import UsageError


def require_planner(caller: str, planner: object) -> None:
    """Raise UsageError for a planner that can not be asked: inside a run it would be an error of the run."""
    if planner is not None and not callable(planner):
        raise UsageError(
            f"{caller}(planner=) is {repr(planner)[:80]}; expected a function of (snapshot, capabilities), or None"
        )
