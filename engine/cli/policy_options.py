"""What `--attempts` and `--idle-s` ask for, as a policy."""

from __future__ import annotations

import argparse

from attrs import evolve

from ..core.policy import CheckpointPolicy, Policy, RetryPolicy, StallPolicy


def policy_of(args: argparse.Namespace) -> Policy:
    """Return the patience asked for; with a journal, nothing is shown that is not stored (`--from-char` counts on it).

    Raises:
        UsageError: a number out of its range.
    """
    retry = RetryPolicy() if args.attempts is None else RetryPolicy(attempts_max=args.attempts)
    stall = StallPolicy() if args.idle_s is None else stall_after(StallPolicy(), args.idle_s)
    return Policy(retry=retry, stall=stall, checkpoint=CheckpointPolicy(before_delivery=True))


def stall_after(stall: StallPolicy, idle_s: float) -> StallPolicy:
    """Return clocks by which so many silent seconds are a stall, whatever is waited for: headers, first event or next.

    More patience than the default makes no clock shorter: headers and first event keep what they had. Pings still
    extend the wait for the first event, for a server that pings is not silent.
    """
    if idle_s < (StallPolicy().idle_s or 0):
        return evolve(stall, idle_s=idle_s, headers_s=idle_s, first_event_s=idle_s)
    return evolve(
        stall,
        idle_s=idle_s,
        headers_s=_at_least(stall.headers_s, idle_s),
        first_event_s=_at_least(stall.first_event_s, idle_s),
        first_event_s_max=_at_least(stall.first_event_s_max, idle_s),
    )


def _at_least(seconds: float | None, least_s: float) -> float | None:
    return None if seconds is None else max(seconds, least_s)
