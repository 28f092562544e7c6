"""docs/chaos.md is true: its tables are those of the code, and its examples are spelled as they are read."""

from __future__ import annotations

import re
from pathlib import Path

from riverrun.engine.bench.chaos import client, control, passing, proxy, rows
from riverrun.engine.bench.chaos.exchange import HEAD_BYTES_MAX
from riverrun.engine.bench.chaos.spelling import ANYWHERE, BY_STATUS, KINDS, Kind, Takes, parse_rule
from riverrun.engine.cli.chaos import options

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "chaos.md").read_text("utf-8")
FAULT = re.compile(r"--fault (\S+)|\"(?:fault\": |faults\": \[)([^\]}]*)")


def row(word: str, kind: Kind) -> str:
    place = "-" if kind.place is None else f"`{kind.place.spelled}`"
    between = ", between events" if kind.place is not None and kind.places != ANYWHERE else ""
    seconds = kind.fault.seconds
    takes = {
        Takes.NOTHING: "-",
        Takes.STATUS: f"a status ({kind.fault.status})",
        Takes.SECONDS: f"a time ({seconds:g} s)" if word in ("slow", "drip", "pings", "comments") else "a time",
    }[kind.takes]
    return f"| `{word}` | {kind.does} | {place}{between} | {takes} |"


def test_the_table_of_kinds_is_that_of_the_code() -> None:
    told = [line for line in PAGE.splitlines() if re.match(r"\| `[a-z0-9-]+` \| .* \| .* \| .* \|$", line)]
    assert told == [row(word, kind) for word, kind in KINDS.items()]
    assert f"| 400 … 599 | {BY_STATUS.does} | - | a time |" in PAGE


def test_every_fault_that_is_shown_can_be_played() -> None:
    for text in (PAGE, options.EXAMPLES):
        spelled = [each.strip('" ') for one, more in FAULT.findall(text) for each in (one or more).split(",")]
        assert len(spelled) >= 5
        for each in spelled:
            parse_rule(each)


def test_the_control_endpoint_is_told_whole() -> None:
    listed = re.findall(r"^ *([A-Z]+) +(/_chaos/\w+)", control.__doc__ or "", re.MULTILINE)
    assert len(listed) == 6
    assert all(f"`{method} {path}`" in PAGE for method, path in listed)


def test_the_bounds_are_those_of_the_code() -> None:
    words = " ".join(PAGE.split())
    assert f"At most {proxy.CONNECTIONS_MAX} connections, {HEAD_BYTES_MAX // 1024} KiB of headers" in words
    assert f"{passing.HELD_BYTES_MAX // 1024 // 1024} MiB of a request's body is held" in words
    assert f"{proxy.IDLE_S / 60:g} minutes for a connection at rest" in words
    assert f"the latest {rows.ROWS_MAX:,} requests" in words
    assert client.AHEAD_BYTES_MAX <= HEAD_BYTES_MAX
    assert f"`{options.LISTEN}`" in words
