"""A result of the fault benchmark: what is written is read again, and what is none is refused in words."""

from __future__ import annotations

import pytest

from riverrun import UsageError
from riverrun.engine.bench.result import (
    SCHEMA,
    BenchResult,
    FaultRow,
    Finding,
    Moment,
    PeerRow,
    Side,
    Trial,
    Verdict,
    read_result,
    write_result,
)

RESULT = BenchResult(
    SCHEMA,
    "quick",
    "riverrun bench faults",
    {"python": "3.13"},
    "2026-12-01T06:00:00Z",
    (1, 2),
    (FaultRow("reset", "connections", "the connection is reset", {"*": "nothing was sent"}),),
    (PeerRow("riverrun", "0.1"), PeerRow("other", "", missing="not on the index")),
    (
        Trial("riverrun", "reset", "openai", 1, Verdict.EXACT, detection_s=0.25),
        Trial(
            "other",
            "reset",
            "openai",
            2,
            Verdict.FALSE_SUCCESS,
            (Finding.LOST,),
            chars_lost=3,
            moments=(Moment(0.5, Side.CALLER, "text", "wörds </script>", 1),),
        ),
    ),
)


def test_what_is_written_is_read_again() -> None:
    assert read_result(write_result(RESULT)) == RESULT


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 1}', "[" * 100_000])
def test_what_is_no_result_is_refused_in_words(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected its --json"):
        read_result(text)


def test_a_later_schema_is_refused_by_its_number() -> None:
    with pytest.raises(UsageError, match=r"schema 99; expected 1"):
        read_result(write_result(RESULT).replace('"schema": 1', '"schema": 99'))
