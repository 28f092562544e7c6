"""Token counts that add up: totals saturate, negatives are ignored, cumulative reports replace and deltas add."""

from __future__ import annotations

from attrs import field, frozen

TOKENS_MAX = 2**63 - 1
"""Where counts saturate: what SQLite and most consumers can hold in one integer."""


def clamp_tokens(count: int) -> int:
    """Bring a reported count into 0 … TOKENS_MAX."""
    return count if 0 <= count <= TOKENS_MAX else min(max(count, 0), TOKENS_MAX)


@frozen
class TokenUsage:
    """What an answer cost, in tokens.

    `input` counts the whole prompt, cached parts included (`cached_input` and `cache_write` are parts of it); `output`
    counts everything generated, reasoning included (`reasoning` is a part of it). `total` is what the provider said, or
    input + output.
    """

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0
    total: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            clamp_tokens(self.input + other.input),
            clamp_tokens(self.output + other.output),
            clamp_tokens(self.cached_input + other.cached_input),
            clamp_tokens(self.cache_write + other.cache_write),
            clamp_tokens(self.reasoning + other.reasoning),
            clamp_tokens(self.total + other.total),
        )


NO_USAGE = TokenUsage()


@frozen
class UsageReport:
    """One report as a provider gave it: None is "not said". A stream event of the decoders.

    A `cumulative` report replaces, field by field, what the attempt knew; otherwise its counts are added. A later 0
    does not replace a count: some servers report what they know so far as 0. `service_tier` is the provider's word for
    the tier that answers.
    """

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    total: int | None = None
    cumulative: bool = True
    service_tier: str | None = field(default=None, eq=False)  # a name, no count


def apply_report(usage: TokenUsage, report: UsageReport) -> tuple[TokenUsage, int]:
    """Fold a report into the usage of its attempt; also returns how many counts were odd (negative, or shrinking)."""
    odd = 0
    counts: list[int] = []
    for before, said in (
        (usage.input, report.input),
        (usage.output, report.output),
        (usage.cached_input, report.cached_input),
        (usage.cache_write, report.cache_write),
        (usage.reasoning, report.reasoning),
    ):
        if said is None:
            counts.append(before)
            continue
        odd += said < 0 or (report.cumulative and said < before)
        counts.append(clamp_tokens((max(said, 0) or before) if report.cumulative else before + max(said, 0)))
    total = counts[0] + counts[1]
    if report.total is not None:
        odd += report.total < 0
        if not report.cumulative:
            total = usage.total + max(report.total, 0)
        elif report.total > 0 or not usage.total:
            total = report.total
        else:
            total = max(total, usage.total)
    counts.append(clamp_tokens(total))
    return TokenUsage(*counts), odd


def settle_usage(usage: TokenUsage, said_bytes: int, *, is_final: bool) -> tuple[TokenUsage, bool]:
    """Return what an attempt cost at its end, and whether its output had to be estimated.

    A stream that broke never carried its final usage: where what was said is more than what was reported, that is its
    output.
    """
    estimated = tokens_of_bytes(said_bytes)
    if is_final or estimated <= usage.output:
        return usage, False
    return apply_report(usage, UsageReport(output=estimated))[0], True


def tokens_of_bytes(size_bytes: int) -> int:
    """Estimate how many tokens so many UTF-8 bytes are, where the provider has not said.

    One token for each four, rounded up: the rule of thumb of the providers' own documentation for English, and on the
    high side for other scripts, so that a ceiling is rather kept than passed.
    """
    return -(-size_bytes // 4)


def estimate_tokens(text: str) -> int:
    """Estimate how many tokens a text is, like `tokens_of_bytes`."""
    return tokens_of_bytes(len(text.encode("utf-8", "surrogatepass")))
