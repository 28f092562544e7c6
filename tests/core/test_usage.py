"""Token counts: they add up, saturate, never go below nothing, and know cumulative reports from deltas."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.usage import (
    NO_USAGE,
    TOKENS_MAX,
    TokenUsage,
    UsageReport,
    apply_report,
    clamp_tokens,
    estimate_tokens,
)

counts = st.integers(-(2**70), 2**70)
maybe = st.none() | counts
reports = st.builds(UsageReport, maybe, maybe, maybe, maybe, maybe, maybe, st.booleans())
usages = st.builds(TokenUsage, *[st.integers(0, TOKENS_MAX)] * 6)


def fields(usage: TokenUsage) -> tuple[int, ...]:
    return attrs.astuple(usage)


@given(counts)
def test_a_count_is_brought_into_its_range(count: int) -> None:
    assert clamp_tokens(count) == max(0, min(count, TOKENS_MAX))


@given(usages, usages)
def test_sums_saturate_field_by_field_and_the_order_does_not_matter(a: TokenUsage, b: TokenUsage) -> None:
    assert fields(a + b) == tuple(min(x + y, TOKENS_MAX) for x, y in zip(fields(a), fields(b), strict=True))
    assert a + b == b + a
    assert a + NO_USAGE == a
    assert (
        fields(NO_USAGE + TokenUsage(-1, 2**64))
        == fields(TokenUsage(-1, 2**64) + NO_USAGE)
        == (0, TOKENS_MAX, 0, 0, 0, 0)
    )


@given(usages, reports)
def test_whatever_is_reported_every_count_stays_in_its_range(usage: TokenUsage, report: UsageReport) -> None:
    merged, odd = apply_report(usage, report)
    assert all(0 <= count <= TOKENS_MAX for count in fields(merged))
    assert 0 <= odd <= 6


@given(usages, usages)
def test_a_cumulative_report_replaces_what_it_says_and_keeps_what_it_does_not(a: TokenUsage, b: TokenUsage) -> None:
    merged, _ = apply_report(a, UsageReport(input=b.input, reasoning=b.reasoning))
    assert (merged.input, merged.reasoning) == (b.input or a.input, b.reasoning or a.reasoning)
    assert (merged.output, merged.cached_input, merged.cache_write) == (a.output, a.cached_input, a.cache_write)


@pytest.mark.parametrize(
    ("before", "report", "after", "odd"),
    [
        (NO_USAGE, UsageReport(input=60, output=30), TokenUsage(60, 30, total=90), 0),
        (NO_USAGE, UsageReport(), NO_USAGE, 0),
        (NO_USAGE, UsageReport(input=-1, output=-2, total=-3), NO_USAGE, 3),
        (TokenUsage(10, 5), UsageReport(output=3), TokenUsage(10, 3, total=13), 1),
        (TokenUsage(10, 5), UsageReport(output=5), TokenUsage(10, 5, total=15), 0),
        (TokenUsage(10, 5, total=15), UsageReport(input=0, output=9, total=0), TokenUsage(10, 9, total=19), 1),
        (TokenUsage(10, 5, 4, 3, 2, 15), UsageReport(0, 0, 0, 0, 0, 0), TokenUsage(10, 5, 4, 3, 2, 15), 5),
        (TokenUsage(10, 5), UsageReport(input=-1), TokenUsage(10, 5, total=15), 1),
        (TokenUsage(10, 5), UsageReport(output=3, cumulative=False), TokenUsage(10, 8, total=18), 0),
        (TokenUsage(10, 5), UsageReport(output=-3, cumulative=False), TokenUsage(10, 5, total=15), 1),
        (NO_USAGE, UsageReport(input=1, output=1, total=7), TokenUsage(1, 1, total=7), 0),
        (TokenUsage(4, 4, total=8), UsageReport(total=8, cumulative=False), TokenUsage(4, 4, total=16), 0),
        (TokenUsage(4, 4, total=8), UsageReport(total=-8, cumulative=False), TokenUsage(4, 4, total=8), 1),
        (NO_USAGE, UsageReport(output=2**64), TokenUsage(output=TOKENS_MAX, total=TOKENS_MAX), 0),
    ],
)
def test_a_report_is_folded_by_rule_and_what_is_odd_is_counted(
    before: TokenUsage, report: UsageReport, after: TokenUsage, odd: int
) -> None:
    assert apply_report(before, report) == (after, odd)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("漢字", 2), ("\ud800", 1)])
def test_an_estimate_is_a_token_for_each_four_bytes_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
