"""Your own recovery plan, proved: a safe planner passes the laws, an unsafe one is refuted by a short run it spoils.

A planner is a pure function from what an interrupted run holds to what to do about it; `Engine(planner=…)` takes it.
"""

from __future__ import annotations

import riverrun as rr
from riverrun.testing import LawBroken, check_planner

WORTH_CONTINUING_CHARS = 20


def restart_if_short(snapshot: rr.InterruptSnapshot, capabilities: rr.Capabilities) -> rr.RecoveryPlan:
    """Ask anew where little was said: the whole prompt is paid again, and the text has no seam."""
    is_short = len(snapshot.text) < WORTH_CONTINUING_CHARS
    if is_short and not snapshot.completed_tool_calls:
        return rr.WholeRestart(snapshot.in_flight_tools)
    return rr.plan_recovery(snapshot, capabilities)


def continue_at_a_word(snapshot: rr.InterruptSnapshot, capabilities: rr.Capabilities) -> rr.RecoveryPlan:
    """Go on after the last whole word, because half a word confuses the model; but it was shown already."""
    plan = rr.plan_recovery(snapshot, capabilities)
    if isinstance(plan, rr.ContinueText):
        return rr.ContinueText(plan.assistant_prefix.rpartition(" ")[0])
    return plan


def main() -> None:
    print("restart_if_short:", check_planner(restart_if_short, runs=120))
    try:
        check_planner(continue_at_a_word, runs=120)
    except LawBroken as broken:
        print(f"continue_at_a_word breaks the law of {broken.law!r}:\n{broken.story}", end="")


if __name__ == "__main__":
    main()
