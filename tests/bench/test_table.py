"""The grid says a verdict by an icon and a word, fits a terminal, and is readable without colour or Unicode."""

from __future__ import annotations

from attrs import evolve

from riverrun.engine.bench.judging.failing import failing_words, failures
from riverrun.engine.bench.report.faults import write_faults_html
from riverrun.engine.bench.report.summary import cells_of
from riverrun.engine.bench.report.table import grid_lines, markdown, summary_lines
from riverrun.engine.bench.result import BenchResult, FaultRow, Finding, PeerRow, Trial, Verdict

STALL = FaultRow("stall", "Silence", "Nothing more.")
REFUSED = FaultRow("s04-503-persistent", "Failover Bench", "503 to every request.", {"*": "always so"})


def trial(
    peer: str, fault: FaultRow, verdict: Verdict, *, wire: str = "openai", findings: tuple[Finding, ...] = ()
) -> Trial:
    return Trial(peer, fault.name, wire, 0, verdict, findings)


TRIALS = (
    trial("riverrun", STALL, Verdict.EXACT),
    trial("riverrun", STALL, Verdict.EXACT, wire="anthropic"),
    trial("riverrun", REFUSED, Verdict.CLEAN_ERROR),
    trial("httpx", STALL, Verdict.EXACT),
    trial("httpx", STALL, Verdict.FALSE_SUCCESS, wire="anthropic", findings=(Finding.LIED, Finding.LOST)),
    trial("httpx", REFUSED, Verdict.HANG),
)
RESULT = BenchResult(
    1,
    "quick",
    "riverrun bench faults",
    {"python": "CPython 3.11"},
    "2026-12-01T00:00:00+00:00",
    (0,),
    (REFUSED, STALL),
    (PeerRow("riverrun", "0.1.0"), PeerRow("httpx", "0.28.1"), PeerRow("l0", "", "", "no network")),
    TRIALS,
)


def test_a_cell_is_the_worst_verdict_and_says_how_many_were_exact() -> None:
    lines = list(grid_lines(RESULT))
    assert any(line.split() == ["stall", "✓", "exact", "✗", "false", "1/2"] for line in lines)


def test_the_grid_fits_eighty_columns_with_many_clients() -> None:
    peers = tuple(PeerRow(f"client-{number}", "1") for number in range(9))
    trials = tuple(evolve(one, peer=peer.name) for peer in peers for one in TRIALS)
    lines = list(grid_lines(evolve(RESULT, peers=peers, trials=trials)))
    assert max(map(len, lines)) <= 80
    assert all(any(peer.name in line for line in lines) for peer in peers)


def test_the_grid_is_readable_where_there_is_nothing_but_ascii() -> None:
    assert all(line.isascii() for line in grid_lines(RESULT, plain=True))


def test_the_sums_count_verdicts() -> None:
    sums = {line[:26].strip(): line[26:].split() for line in summary_lines(RESULT)}
    assert (sums["exact"], sums["false success"], sums["hang"]) == (["2", "1"], ["0", "1"], ["0", "1"])


def test_markdown_has_the_versions_the_command_and_who_is_missing() -> None:
    text = markdown(RESULT)
    assert "| httpx 0.28.1 |" in text
    assert "`riverrun bench faults`" in text
    assert "l0 could not be judged: no network" in text


def test_an_error_where_nobody_can_win_is_no_failure_and_a_hang_there_is_one() -> None:
    assert failures(RESULT, "riverrun", "inexact") == []
    assert [one.verdict for one in failures(RESULT, "httpx", "inexact")] == [Verdict.FALSE_SUCCESS, Verdict.HANG]
    assert len(failures(RESULT, "*", "lied")) == 1


def test_every_verdict_but_exact_and_every_finding_has_a_word_to_fail_on() -> None:
    words = failing_words()
    assert len(words) == 1 + len(Verdict) - 1 + len(Finding)
    assert {"false-success", "clean-error", "lied", "call-half", "hung"} <= words.keys()


def test_the_grid_and_the_page_call_the_same_verdict_the_worst() -> None:
    both = (trial("httpx", STALL, Verdict.HANG), trial("httpx", STALL, Verdict.FALSE_SUCCESS, wire="anthropic"))
    result = evolve(RESULT, faults=(STALL,), trials=both)
    assert cells_of(result)["httpx", "stall"].worst is Verdict.FALSE_SUCCESS
    assert any(line.split() == ["stall", "✗", "false"] for line in grid_lines(result))
    assert "httpx, stall: false success" in write_faults_html(result)
