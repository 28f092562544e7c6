"""What a provider makes of the plain refusals: what heals by itself is asked again, what does not is not."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.provider import ErrorResponse, Provider
from ..law import Law, Violation

FINAL = (400, 401, 403, 404)
PASSING = (429, 500, 503, 529)
HINTED = (429, 503, 529)
_BODY = b'{"error":{"message":"x"}}'


def status_faults(provider: Provider) -> Iterator[Violation]:
    """Say which status is taken for another kind, and whether a hint of the server's is lost.

    *Source*: RFC 9110, sections 10.2.3 and 15.5; 529 is Anthropic's word for overloaded.
    """
    for status in (*FINAL, *PASSING):
        failure = provider.classify(ErrorResponse(status, {}, _BODY), now_unix_s=1.7e9)
        if failure.is_retryable is not (status in PASSING):
            expected = "that another attempt makes sense" if status in PASSING else "that none does"
            yield Violation(Law.BUDGETS, f"the status {status} is taken for {failure!r}; expected {expected}")
    for status in HINTED:
        failure = provider.classify(ErrorResponse(status, {"retry-after": "7"}, _BODY), now_unix_s=1.7e9)
        if failure.retry_after_s != 7:
            seen = f"the hint is {failure.retry_after_s!r} s"
            yield Violation(Law.BUDGETS, f"the status {status} came with `retry-after: 7`, and {seen}; expected 7")
    headers = {"retry-after-ms": "7000"}  # Azure's and OpenAI's; not everybody reads it
    hint = provider.classify(ErrorResponse(429, headers, _BODY), now_unix_s=1.7e9).retry_after_s
    if hint not in (None, 7):
        yield Violation(
            Law.BUDGETS, f"`retry-after-ms: 7000` is taken for {hint!r} s; expected 7, or that it is not read"
        )
