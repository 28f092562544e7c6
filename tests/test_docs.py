"""The pages of docs/ are true where that can be tested: rows name tests that exist, numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import riverrun as rr
from riverrun.engine import transport
from riverrun.engine.core import tool_json
from riverrun.providers.by_name import provider_classes

ROOT = Path(__file__).resolve().parent.parent
HARDENING = (ROOT / "docs" / "hardening.md").read_text(encoding="utf-8")
PROVIDERS = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in HARDENING.partition("## Row by row\n")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ")
][2:]
TESTS = {
    name: path
    for path in sorted(ROOT.joinpath("tests").rglob("test_*.py"))
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
LIMITS = rr.Limits()
MIB = 1024 * 1024
BOUNDS = {
    "a line of the stream": f"{LIMITS.line_bytes_max // MIB} MiB",
    "an event": f"{LIMITS.event_bytes_max // MIB} MiB",
    "arguments of one call": f"{LIMITS.arguments_bytes_max // MIB} MiB",
    "calls of one answer": f"{LIMITS.calls_max:,}",
    "text of one answer": f"{LIMITS.text_bytes_max // MIB} MiB",
    "blocks of one answer": f"{LIMITS.blocks_max:,}",
    "depth of JSON": f"{tool_json.DEPTH_MAX}",
    "the body of an error": f"{LIMITS.error_body_bytes_max // 1024} KiB, {transport.ERROR_BODY_S:g} s",
    "a server's `Retry-After`": f"{rr.RetryPolicy().retry_after_s_max:g} s",
    "read ahead of the decoder": f"{transport.READ_AHEAD_BYTES_MAX // 1024} KiB",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_a_row_of_hardening_says_what_holds_and_names_tests_that_exist(row: list[str]) -> None:
    threat, holds, tests = row
    assert threat
    assert holds
    named = re.findall(r"`(test_\w+)`", tests)
    assert named
    assert [name for name in named if name not in TESTS] == []


def test_hardening_has_its_rows() -> None:
    assert len(ROWS) >= 30


@pytest.mark.parametrize("what", BOUNDS)
def test_a_bound_of_hardening_is_the_bound_of_the_code(what: str) -> None:
    row = next(line for line in HARDENING.splitlines() if line.startswith(f"| {what} |"))
    assert row.split(" | ")[1] == BOUNDS[what]


def test_every_hostile_row_of_the_tests_is_told_in_hardening() -> None:
    hostile = {name for name, path in TESTS.items() if path.name in ("test_hostile_rows.py", "test_hostile_answers.py")}
    assert {name for name in hostile if f"`{name}`" not in HARDENING} == set()


@pytest.mark.parametrize("name", provider_classes())
def test_every_provider_has_its_row(name: str) -> None:
    assert f"`{provider_classes()[name].__name__}`" in PROVIDERS.partition("## Names and keys")[0]
