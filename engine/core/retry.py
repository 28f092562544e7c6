"""When the next attempt starts: the server's hint read strictly, and delays from (policy, cause, attempt, chance).

Rules:
- No clock and no dice in here: the caller hands in the time (`now_unix_s`) and the chance (0 ≤ chance < 1).
- A hint is a stranger's word. What does not read as a hint is none, never an error: "1_000", "0x10", "nan", "٣" and
  "20 seconds" all pass somebody's `float()` or `int()`, and none of them is a delay.
- A hint is a floor: chance only adds to it, so that clients told the same do not come back together. One beyond
  `retry_after_s_max` is not slept but surfaced. One of zero says nothing (openai-python reads it so): own backoff.
- A date is read against the `Date` of the answer that holds it, where it has one: neither clock need be right.
- A rate limit without a hint keeps its base delay as a floor, whatever the jitter (seeds, row 004).
- Chance enters every delay unless the jitter is `NONE`, and after the policy's maximum: clients that have all reached
  it come back no more together than others. `NONE` is exact, for hints too.
- Delays never shrink from attempt to attempt at equal chance.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

from .causes import (
    ConnectionReset,
    EmptyAnswer,
    FormRefused,
    GoAway,
    IdleStall,
    InterruptCause,
    MalformedStream,
    Overloaded,
    PrematureEnd,
    Provider5xx,
    RateLimited,
    ResumedFromCheckpoint,
)
from .policy import Jitter, RetryPolicy

HINT_JITTER = 0.1
"""How much chance may add to a server's hint (seeds, row 000: 0 to 10 %)."""

FLOOR_JITTER = 0.25
"""How much chance may add to a floor of ours, at the least: where nobody said when to come back, a crowd should spread
wider than 10 %. Without it, full jitter under the floor was the floor: 100 of 100 runs came back at 5.000 s."""

_DOUBLINGS_MAX = 1000
"""2.0 ** 1000 is still a float; attempt 10,000 must not raise OverflowError."""


def attempts_max(policy: RetryPolicy, cause: InterruptCause) -> int:
    """Return how many attempts in a row may bring no progress after `cause`: limits may have a budget of their own."""
    own = None
    if policy.attempts_max == 1:  # who asks once asks once, also of a policy that was evolved from another
        return 1
    if isinstance(cause, RateLimited):
        own = policy.rate_limit_attempts_max
    elif isinstance(cause, Overloaded):
        own = policy.overload_attempts_max
    return policy.attempts_max if own is None else own


def attempts_total_max(policy: RetryPolicy) -> int:
    """Return how many attempts there may be in all; who asks once asks once, whatever it brought."""
    return 1 if policy.attempts_max == 1 else policy.attempts_total_max


def delay_s(
    policy: RetryPolicy, cause: InterruptCause, attempt: int, chance: float, hint_s: float | None = None
) -> float | None:
    """Return the delay before the attempt that follows attempt number `attempt`, counted from 1; never raise.

    None says: do not wait. The server's hint is beyond `policy.retry_after_s_max`; end the run and surface the hint.

    Args:
        policy: the numbers.
        cause: what ended the attempt; that of a rate limit or an overload brings its own hint.
        attempt: its number.
        chance: the caller's die, 0 ≤ chance < 1.
        hint_s: the server's hint beside any other cause (a 500 or a 408 may carry one: openai-python heeds it there).
    """
    if isinstance(cause, FormRefused | ResumedFromCheckpoint):
        return 0.0
    hint_s = cause.retry_after_s if isinstance(cause, RateLimited | Overloaded) else hint_s
    if hint_s is not None and hint_s > 0:  # NaN compares false: no hint
        return None if hint_s > policy.retry_after_s_max else _hinted(policy.jitter, hint_s, chance)
    match cause:
        case IdleStall():
            base_s, delay_s_max = policy.stall_delay_s, max(policy.stall_delay_s, policy.delay_s_max)
        case RateLimited() | Overloaded():
            base_s, delay_s_max = policy.rate_limit_base_delay_s, policy.rate_limit_delay_s_max
        case EmptyAnswer():
            base_s, delay_s_max = policy.empty_base_delay_s, policy.empty_delay_s_max
        case ConnectionReset() | GoAway() | Provider5xx() | PrematureEnd() | MalformedStream():
            base_s, delay_s_max = policy.base_delay_s, policy.delay_s_max
    floor_s = min(base_s, delay_s_max) if isinstance(cause, RateLimited | Overloaded) else 0.0
    return _jittered(policy.jitter, _doubled(base_s, delay_s_max, attempt), chance, floor_s)


def _doubled(base_s: float, delay_s_max: float, attempt: int) -> float:
    doublings = min(max(attempt - 1, 0), _DOUBLINGS_MAX)
    return min(base_s * 2.0**doublings, delay_s_max)


_SPREADS: dict[Jitter, tuple[float, float]] = {
    Jitter.FULL: (0.0, 1.0),
    Jitter.ADDED: (1.0, 1.1),
    Jitter.PROPORTIONAL: (0.5, 1.5),
    Jitter.NONE: (1.0, 1.0),
}
"""From what to what chance takes a delay, as parts of it."""


def _jittered(jitter: Jitter, delay: float, chance: float, floor_s: float) -> float:
    """Take a delay, of the policy's maximum at most, to where chance says; never below the floor."""
    low, high = spread_s(jitter, delay, floor_s)
    return min(low + (high - low) * chance, high)


def spread_s(jitter: Jitter, delay: float, floor_s: float = 0.0) -> tuple[float, float]:
    """Return the least and the most that chance makes of a delay, with a floor if it has one."""
    low, high = (delay * part for part in _SPREADS[jitter])
    if jitter is Jitter.NONE or not floor_s:
        return low, high
    return max(low, floor_s), max(high, floor_s * (1 + FLOOR_JITTER))


def _hinted(jitter: Jitter, hint_s: float, chance: float) -> float:
    return hint_s if jitter is Jitter.NONE else hint_s * (1 + HINT_JITTER * chance)


# Twelve digits are 31,000 years: whoever sends more does not mean a delay. Decimals are not in RFC 9110, but are sent.
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")


def retry_after_s(headers: Mapping[str, str], *, now_unix_s: float) -> float | None:
    """Read the server's hint from headers with lower-case names; None where nothing reads as one. Never raises.

    Reads `retry-after-ms` and `retry-after` (seconds, or any of the three date forms). The larger valid one counts:
    Azure sends `retry-after-ms: 0` beside `retry-after: 1`. A date in the past is 0.0. Nothing is capped here: a
    hint beyond the policy's cap is a fact that somebody wants to see.

    A date is on the server's clock, and so is the answer's `Date`: the difference is the hint, however wrong either
    clock is. Where there is no `Date`, or one that says to wait for more than a day, the date is read on ours.

    *Source*: RFC 9110 §10.2.3, §5.6.7 and §6.6.1; `retry-after-ms`: openai-python, Azure OpenAI.
    """
    millis = _number(headers.get("retry-after-ms", ""))
    after = headers.get("retry-after", "")
    until = _until(after, headers.get("date", ""), now_unix_s)
    hints = (None if millis is None else millis / 1000, _number(after), until)
    return max((hint for hint in hints if hint is not None), default=None)


def _number(value: str) -> float | None:
    text = value.strip(" \t")
    return float(text) if _SECONDS.fullmatch(text) else None


DATE_AHEAD_S_MAX = 86_400.0
"""A day: a `Date` that is further than that before its `Retry-After` is of a clock that was never set."""


def _until(value: str, date: str, now_unix_s: float) -> float | None:
    at_unix_s = _http_date_unix_s(value.strip(" \t"), now_unix_s)
    if at_unix_s is None:
        return None
    since_unix_s = _http_date_unix_s(date.strip(" \t"), now_unix_s)
    if since_unix_s is None or at_unix_s - since_unix_s > DATE_AHEAD_S_MAX:
        since_unix_s = now_unix_s
    return max(at_unix_s - since_unix_s, 0.0)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_WEEKDAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_WEEKDAY_LONG = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_HTTP_DATES = (
    re.compile(f"{_WEEKDAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(f"{_WEEKDAY_LONG}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(f"{_WEEKDAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)
"""IMF-fixdate, RFC 850 and asctime: a recipient must read all three (RFC 9110 §5.6.7)."""

_YEAR_S = 365.2425 * 86400
_YEARS_AHEAD_MAX = 50


def _http_date_unix_s(text: str, now_unix_s: float) -> float | None:
    match = next((found for form in _HTTP_DATES if (found := form.fullmatch(text))), None)
    if match is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 4:
        return _unix_s(year, match)
    # Two digits: the latest year that is not more than 50 years ahead (RFC 9110 §5.6.7).
    horizon_unix_s = now_unix_s + _YEARS_AHEAD_MAX * _YEAR_S
    latest = int(1970 + horizon_unix_s / _YEAR_S) + 1
    latest -= (latest - year) % 100
    at_unix_s = _unix_s(latest, match)
    return at_unix_s if at_unix_s is None or at_unix_s <= horizon_unix_s else _unix_s(latest - 100, match)


def _unix_s(year: int, match: re.Match[str]) -> float | None:
    month, day = _MONTHS.index(match["month"]) + 1, int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    is_day = 1 <= year <= 9999 and 1 <= day <= calendar.monthrange(year, month)[1]
    if not is_day or hour > 23 or minute > 59 or second > 60:  # 60: a leap second
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second)))


_AMOUNT = "[0-9]{1,9}"
_DECIMAL = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_DURATION = rf"(?:(?P<ms>{_DECIMAL})ms|(?P<whole>(?:(?P<h>{_AMOUNT})h)?(?:(?P<m>{_AMOUNT})m)?(?:(?P<s>{_DECIMAL})s)?))"
_GO_DURATION = re.compile(_DURATION, re.ASCII)
_HINT_IN_MESSAGE = re.compile(
    rf"\bplease try again in {_DURATION}(?![\w-]|\.[0-9])",
    re.IGNORECASE | re.ASCII,
)


def hint_in_message(text: str) -> float | None:
    """Read the hint in "Please try again in 1m2s", the only one where a proxy stripped the headers. Never raises.

    Reads the sentence of OpenAI and Groq with Go's durations (20ms, 5.289s, 1m2s, 6m0s, 1h2m3.5s) and nothing else;
    for the message of a failure that was classified as a rate limit already, never to classify one.
    """
    match = _HINT_IN_MESSAGE.search(text)
    return None if match is None else _duration_s(match)


def duration_s(text: str) -> float | None:
    """Read a duration as Go and protobuf write it (120ms, 48s, 6m0s, 1h2m3.5s); None for all else. Never raises."""
    match = _GO_DURATION.fullmatch(text.strip(" \t"))
    return None if match is None else _duration_s(match)


def reset_hint_s(headers: Mapping[str, str]) -> float | None:
    """Read when a used-up limit is whole again: the longest `x-ratelimit-reset-…` whose `x-ratelimit-remaining-…` is 0.

    For a rate limit whose answer says nothing better. A limit that is not used up did not refuse the request, so its
    reset says nothing; numbers without a unit are seconds to some servers and dates to others, and are left alone.
    Never raises.

    *Source*: wire-formats §2.3 and §3.4 (OpenAI, Groq: Go's durations).
    """
    resets = (
        duration_s(value)
        for name, value in headers.items()
        if name.startswith(_RESET) and headers.get(_REMAINING + name.removeprefix(_RESET), "").strip() == "0"
    )
    return max((reset for reset in resets if reset is not None), default=None)


_RESET, _REMAINING = "x-ratelimit-reset-", "x-ratelimit-remaining-"


def _duration_s(match: re.Match[str]) -> float | None:
    if match["ms"] is not None:
        return float(match["ms"]) / 1000
    if not match["whole"]:
        return None
    return 3600.0 * int(match["h"] or 0) + 60.0 * int(match["m"] or 0) + float(match["s"] or 0)
