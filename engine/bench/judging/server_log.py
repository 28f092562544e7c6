"""What the fault server says of a trial, read: the truth it is judged by, and its side of the timeline. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.usage import estimate_tokens
from ...testing.script.answers import split_pieces
from ..faults.answers import pieces_of
from ..result import Moment, Side
from .judge import Call, Request, ServerLog, Truth


def truth_of(told: Mapping[str, Any]) -> Truth:
    """Return the whole answer of a trial, as the server says it now: a model that began anew said it in other words."""
    calls = tuple(Call(call["name"], json.dumps(call["arguments"])) for call in told["calls"])
    return Truth(told["text"], calls, told["reasoning"], _tokens(told, calls))


def _tokens(told: Mapping[str, Any], calls: Sequence[Call]) -> int:
    """Return what one telling of the answer costs, counted as the server counts."""
    dice = random.Random(told["seed"] * 1013)  # noqa: S311 - as the server draws it for the first request
    thoughts = split_pieces(told["reasoning"], dice)
    arguments = estimate_tokens("".join(call.arguments for call in calls))
    return len(pieces_of(told["text"], told["seed"])) + len(thoughts) + arguments


def log_of(told: Mapping[str, Any]) -> ServerLog:
    """Return the server's log of a trial."""
    entries = told["requests"]
    moments = [moment for entry in entries for moment in _moments(entry)]
    return ServerLog(
        tuple(Request(entry["moments"][0]["monotonic_s"], entry["output_tokens"]) for entry in entries),
        tuple(sorted(moments, key=lambda moment: moment.at_s)),
    )


def _moments(entry: Mapping[str, Any]) -> list[Moment]:
    number = entry["number"]
    moments = [
        Moment(noted["monotonic_s"], Side.SERVER, noted["kind"], noted["words"], number) for noted in entry["moments"]
    ]
    if entry["fault"] and not any(moment.kind == "fault" for moment in moments):
        at_s = moments[-1].at_s  # what is said wrongly, and no silence and no cut: the fault is what was sent
        moments.append(Moment(at_s, Side.SERVER, "fault", entry["fault"], number))
    return moments
