"""Results as benchmark reports of llm-d, one a row: what its fields have a place for, and the rest under names of ours.

*Source*: schema 0.2.1 of the package `llmd-benchmark-report`, read in December 2026. Its `observability` takes further
metrics under any name; ours begin with `riverrun_`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from math import isfinite
from typing import Any

from ...testing.stalls.report import StallReport
from ..result import BenchResult, Trial, Verdict
from .summary import PeerSummary, summaries_of

VERSION = "0.2.1"
_QUANTILES = {"p50": "completion p50", "p95": "completion p95", "p99": "completion p99", "p99p9": "completion p99.9"}


def llmd_of_stalls(reports: Sequence[StallReport]) -> dict[str, str]:
    """Return a file's name and text for each client and trace."""
    return _files({f"{each.gaps}-{each.client}": _of_stalls(each) for each in reports})


def llmd_of_faults(result: BenchResult) -> dict[str, str]:
    """Return a file's name and text for each client that ran."""
    return _files({each.peer.name: _of_peer(each, result) for each in summaries_of(result)})


def _files(told: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name the files; those of one run share the id of the experiment."""
    run = _id(list(told.values()))
    files: dict[str, str] = {}
    for number, (name, report) in enumerate(told.items(), 1):
        whole = {"version": VERSION, "run": {"uid": _id([name, report]), "eid": run, **report["run"]}, **_rest(report)}
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
        files[f"{number:02}-{safe}.json"] = json.dumps(whole, indent=1, allow_nan=False) + "\n"
    return files


def _rest(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "run"}


def _id(plain: object) -> str:
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]


def _component(label: str, tool: str, tool_version: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"label": label, "cfg_id": _id(config)},
        "standardized": {"kind": "generic", "tool": tool, "tool_version": tool_version},
        "native": {"config": dict(config)},
    }


def _report(
    run: Mapping[str, Any],
    component: Mapping[str, Any],
    requests: Mapping[str, int],
    latency: Mapping[str, Any] | None,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    aggregate: dict[str, Any] = {"requests": dict(requests)}
    if latency is not None:
        aggregate["latency"] = {"request_latency": {"units": "s", **latency}}
    ours = {f"riverrun_{name}": value for name, value in more.items()}
    results = {"request_performance": {"aggregate": aggregate}, "observability": ours}
    return {"run": dict(run), "scenario": {"stack": [dict(component)]}, "results": results}


# -- stalls -----------------------------------------------------------------------------------------------------------


def _of_stalls(report: StallReport) -> dict[str, Any]:
    config = {"client": report.client, "gaps": report.gaps, "continues": report.continues, "seed": report.seed}
    run = {"description": "riverrun bench stalls, in virtual time", "keywords": ["riverrun", "stalls", report.gaps]}
    plain = report.to_plain()["measures"]
    told = {name.replace(" ", "_").replace(".", "p"): value for name, value in plain.items()}
    whole = round(report.answers * report["whole"].value / 1000)
    requests = {"total": report.answers, "failures": report.answers - whole}
    component = _component(report.client, "riverrun", version("riverrun"), config)
    return _report(run, component, requests, _completion(report), told)


def _completion(report: StallReport) -> dict[str, Any] | None:
    """Return the mean of those that arrived, and quantiles of all, where these arrived."""
    if report.curves is None or report.curves.whole_mean_s is None:
        return None
    values = {name: report[measure].value for name, measure in _QUANTILES.items()}
    return {"mean": report.curves.whole_mean_s, **{name: value for name, value in values.items() if isfinite(value)}}


# -- faults -----------------------------------------------------------------------------------------------------------


def _of_peer(summary: PeerSummary, result: BenchResult) -> dict[str, Any]:
    peer, verdicts = summary.peer, summary.verdicts
    config = {"profile": result.profile, "seeds": list(result.seeds), "environment": dict(result.environment)}
    run = {"description": f"{result.command}: {peer.title}", "keywords": ["riverrun", "faults", result.profile]}
    requests = {
        "total": len(summary.trials),
        "failures": verdicts.get(Verdict.CLEAN_ERROR, 0) + verdicts.get(Verdict.HANG, 0),
        "incomplete": verdicts.get(Verdict.PARTIAL, 0),
    }
    counts = ("chars_lost", "chars_doubled", "calls_lost", "calls_doubled", "calls_half", "tokens_twice", "requests")
    more = {
        "verdicts": {str(verdict): verdicts.get(verdict, 0) for verdict in Verdict},
        "faults_exact": summary.faults_exact,
    }
    more |= {name: summary.total(name) for name in counts}
    component = _component(peer.name, peer.name, peer.version, config)
    return _report(run, component, requests, _total(summary.trials), more)


def _total(trials: Sequence[Trial]) -> dict[str, float]:
    ordered = sorted(trial.total_s for trial in trials)
    shares = {"p5": 0.05, "p50": 0.5, "p95": 0.95}
    quantiles = {name: ordered[min(int(share * len(ordered)), len(ordered) - 1)] for name, share in shares.items()}
    return {"mean": sum(ordered) / len(ordered), "min": ordered[0], **quantiles, "max": ordered[-1]}
