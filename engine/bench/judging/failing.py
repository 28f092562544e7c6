"""What fails a run of the benchmark: a verdict or a finding of a client, by its word. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..result import BenchResult, Finding, Trial, Verdict

INEXACT = "inexact"
_SAID_ANYWHERE = (Verdict.FALSE_SUCCESS, Verdict.HANG)


def failing_words() -> dict[str, Callable[[Trial], bool]]:
    """Return what a run can be failed on, by its word: a verdict, a finding, or anything that is not exact."""
    words: dict[str, Callable[[Trial], bool]] = {INEXACT: lambda trial: trial.verdict is not Verdict.EXACT}
    for verdict in Verdict:
        if verdict is not Verdict.EXACT:
            words[verdict.value.replace(" ", "-")] = partial(_has_verdict, verdict)
    for finding in Finding:
        words[finding.name.lower().replace("_", "-")] = partial(_has_finding, finding)
    return words


def _has_verdict(verdict: Verdict, trial: Trial) -> bool:
    return trial.verdict is verdict


def _has_finding(finding: Finding, trial: Trial) -> bool:
    return finding in trial.findings


def failures(result: BenchResult, peer: str, word: str) -> list[Trial]:
    """Return the trials of a client that a word fails; "*" is every client.

    Where nobody can win, an error or a part that is told as one is no failure.
    """
    fails = failing_words()[word]
    faults = {fault.name: fault.cannot_win for fault in result.faults}
    return [
        trial
        for trial in result.trials
        if peer in ("*", trial.peer)
        and fails(trial)
        and (trial.verdict in _SAID_ANYWHERE or not {"*", trial.peer} & faults[trial.fault].keys())
    ]
