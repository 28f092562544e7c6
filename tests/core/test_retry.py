"""Retry arithmetic: hints are read strictly, delays are bounded, and no input raises."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import assume, example, given
from hypothesis import strategies as st

from riverrun.engine.core.causes import (
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
from riverrun.engine.core.policy import Jitter, RetryPolicy
from riverrun.engine.core.retry import (
    attempts_max,
    delay_s,
    duration_s,
    hint_in_message,
    reset_hint_s,
    retry_after_s,
)

NOW_UNIX_S = 1696004797.0  # Fri, 29 Sep 2023 16:26:37 GMT

ORDINARY: tuple[InterruptCause, ...] = (
    ConnectionReset(),
    GoAway(),
    Provider5xx(503),
    PrematureEnd(),
    MalformedStream(),
)

seconds = st.floats(0, 1e9)
chances = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 10_000)
policies = st.builds(
    RetryPolicy,
    base_delay_s=seconds,
    delay_s_max=seconds,
    rate_limit_base_delay_s=seconds,
    rate_limit_delay_s_max=seconds,
    empty_base_delay_s=seconds,
    empty_delay_s_max=seconds,
    stall_delay_s=seconds,
    retry_after_s_max=seconds,
    jitter=st.sampled_from(Jitter),
)
limits = st.sampled_from([RateLimited, Overloaded])
unhinted = st.one_of(
    st.sampled_from([*ORDINARY, IdleStall(), EmptyAnswer(), FormRefused("prefill"), ResumedFromCheckpoint()]),
    limits.map(lambda cause: cause()),
)


def hint(**headers: str) -> float | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return retry_after_s(named, now_unix_s=NOW_UNIX_S)


def delay_s_max(policy: RetryPolicy, cause: InterruptCause) -> float:
    """The stated maximum of each cause, written out once more."""
    added = {Jitter.FULL: 1.0, Jitter.ADDED: 1.1, Jitter.PROPORTIONAL: 1.5, Jitter.NONE: 1.0}[policy.jitter]
    match cause:
        case FormRefused() | ResumedFromCheckpoint():
            return 0
        case IdleStall():
            return max(policy.stall_delay_s, policy.delay_s_max) * added
        case EmptyAnswer():
            return policy.empty_delay_s_max * added
        case RateLimited() | Overloaded():
            floor_s = min(policy.rate_limit_base_delay_s, policy.rate_limit_delay_s_max)
            floor_s *= 1.0 if policy.jitter is Jitter.NONE else 1.25
            return max(policy.rate_limit_delay_s_max * added, floor_s)
        case _:
            return policy.delay_s_max * added


# --- the server's hint: headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("0", 0.0),
        ("20", 20.0),
        ("  20\t", 20.0),
        ("0.25", 0.25),
        ("007", 7.0),
        ("1000000000", 1e9),
        ("Fri, 29 Sep 2023 16:26:57 GMT", 20.0),
        ("Friday, 29-Sep-23 16:26:57 GMT", 20.0),
        ("Fri Sep 29 16:26:57 2023", 20.0),
        ("Sun Oct  1 16:26:37 2023", 2 * 86400.0),
        ("Fri, 29 Sep 2023 16:26:60 GMT", 23.0),
        ("Fri, 29 Sep 2023 16:26:27 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Sun Nov  6 08:49:37 1994", 0.0),
    ],
)
def test_a_well_formed_retry_after_is_read(value: str, expected_s: float) -> None:
    assert hint(retry_after=value) == expected_s


DATE_AND_UNTIL = [
    ("Fri, 29 Sep 2023 16:26:27 GMT", "Fri, 29 Sep 2023 16:26:57 GMT", 30.0),
    ("Fri, 29 Sep 2023 18:00:00 GMT", "Fri, 29 Sep 2023 18:00:07 GMT", 7.0),
    ("Fri, 29 Sep 2017 16:26:27 GMT", "Friday, 29-Sep-17 16:26:30 GMT", 3.0),
    ("Fri, 29 Sep 2023 16:27:57 GMT", "Fri, 29 Sep 2023 16:26:57 GMT", 0.0),
    ("Thu, 01 Jan 1970 00:00:09 GMT", "Fri, 29 Sep 2023 16:26:57 GMT", 20.0),
    ("yesterday", "Fri, 29 Sep 2023 16:26:57 GMT", 20.0),
    ("", "Fri, 29 Sep 2023 16:26:57 GMT", 20.0),
]
"""A `Date`, a `Retry-After`, and the hint: whose clock is wrong does not matter, unless the `Date` is none."""


@pytest.mark.parametrize(("date", "until", "expected_s"), DATE_AND_UNTIL)
def test_a_date_is_read_against_the_date_of_its_answer(date: str, until: str, expected_s: float) -> None:
    assert hint(retry_after=until, date=date) == expected_s


def test_seconds_do_not_depend_on_the_date_of_their_answer() -> None:
    assert hint(retry_after="20", date="Thu, 01 Jan 2099 00:00:09 GMT") == 20.0


NO_HINTS = [
    *(
        "",
        " ",
        "-1",
        "+1",
        "-0",
        "inf",
        "Infinity",
        "-inf",
        "nan",
        "1e3",
        "0x10",
        "1_000",
        "1,000",
        "٣",
        "²",
        "20 seconds",
    ),
    *("20s", "PT20S", ".5", "5.", "5.5.5", "9" * 35, "0" * 35, "20, 20", "20;20", "\u00a020", "20\x00", "20\n", "null"),
    "Zun, 29 Sep 2023 16:26:27 GMT",
    "Fri, 29 Zep 2023 16:26:27 GMT",
    "Fri, 31 Sep 2023 16:26:27 GMT",
    "Wed, 29 Feb 2023 16:26:27 GMT",
    "Fri, 00 Sep 2023 16:26:27 GMT",
    "Sat, 01 Jan 0000 00:00:00 GMT",
    "Fri, 29 Sep 2023 24:26:27 GMT",
    "Fri, 29 Sep 2023 16:60:27 GMT",
    "Fri, 29 Sep 2023 16:26:61 GMT",
    "Fri, 29 Sep 2023 16:26:27 PST",
    "Fri, 29 Sep 2023 16:26:27 GMT and more",
    "Fri, 29 Sep 2023 16:26:٣٧ GMT",
    "Friday, 29-Sep-2023 16:26:57 GMT",
    "2023-09-29T16:26:57Z",
]


@pytest.mark.parametrize("value", NO_HINTS)
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
def test_what_does_not_read_as_a_hint_is_none(name: str, value: str) -> None:
    assert retry_after_s({name: value}, now_unix_s=NOW_UNIX_S) is None


def test_milliseconds_are_milliseconds_and_never_a_date() -> None:
    assert hint(retry_after_ms="1500") == 1.5
    assert hint(retry_after_ms="0.5") == 0.0005
    assert hint(retry_after_ms="Fri, 29 Sep 2023 16:26:57 GMT") is None


def test_of_two_hints_the_larger_valid_one_counts() -> None:
    assert hint(retry_after_ms="0", retry_after="1") == 1.0
    assert hint(retry_after_ms="2500", retry_after="1") == 2.5
    assert hint(retry_after_ms="nan", retry_after="1") == 1.0
    assert hint(retry_after_ms="2500", retry_after="soon") == 2.5
    assert hint(retry_after_ms="nan", retry_after="soon") is None


def test_no_headers_are_no_hint() -> None:
    assert hint() is None
    assert hint(x_ratelimit_reset_requests="20ms") is None


@pytest.mark.parametrize(
    ("now", "two_digits", "year"),
    [
        (datetime(2023, 9, 29, tzinfo=UTC), "23", 2023),
        (datetime(2023, 9, 29, tzinfo=UTC), "24", 2024),
        (datetime(2023, 9, 29, tzinfo=UTC), "73", 2073),
        (datetime(2023, 9, 29, tzinfo=UTC), "74", 1974),
        (datetime(2099, 12, 31, tzinfo=UTC), "00", 2100),
        (datetime(1970, 1, 1, tzinfo=UTC), "94", 1994),
    ],
)
def test_a_two_digit_year_is_never_more_than_fifty_years_ahead(now: datetime, two_digits: str, year: int) -> None:
    headers = {"retry-after": f"Monday, 01-Jun-{two_digits} 00:00:00 GMT"}
    expected_s = max((datetime(year, 6, 1, tzinfo=UTC) - now).total_seconds(), 0.0)
    assert retry_after_s(headers, now_unix_s=now.timestamp()) == expected_s


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=49 * 365)),
    st.sampled_from(["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "email"]),
)
def test_every_date_ahead_is_the_time_until_then(now: datetime, ahead: timedelta, form: str) -> None:
    then = (now + ahead).replace(microsecond=0)
    text = format_datetime(then, usegmt=True) if form == "email" else then.strftime(form)
    hinted = retry_after_s({"retry-after": text}, now_unix_s=now.timestamp())
    assert hinted == pytest.approx(max((then - now).total_seconds(), 0.0), abs=1e-3)


@given(st.text(), st.text(), st.floats(0, 1e11))
@example("9" * 5000, "1." + "9" * 5000, 0.0)
def test_reading_a_hint_never_raises_and_never_gives_nonsense(ms: str, after: str, now: float) -> None:
    found = retry_after_s({"retry-after-ms": ms, "retry-after": after}, now_unix_s=now)
    assert found is None or (math.isfinite(found) and found >= 0)


@given(st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,6})?", fullmatch=True).filter(str.isascii))
def test_every_plain_number_of_seconds_is_itself(text: str) -> None:
    assert hint(retry_after=text) == float(text)


def capped(found: float | None) -> float | str:
    """A hint as the shared cases write it: they do not tell no hint from one that is too large in every case."""
    if found is None:
        return "INVALID_OR_ABOVE_CAP"
    return "ABOVE_CAP" if found > RetryPolicy().retry_after_s_max else found


def test_every_shared_case_is_read_as_it_says(shared: Path) -> None:
    cases = json.loads((shared / "cases" / "retry_after_cases.json").read_text(encoding="utf-8"))["cases"]
    read = [capped(retry_after_s(case["headers"], now_unix_s=case["now_unix"])) for case in cases]
    assert read == [case["delay_s"] for case in cases]


# --- the server's hint: messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("Rate limit reached for m on tokens per min (TPM). Please try again in 20ms. Visit the site.", 0.02),
        ("Limit 3 / min. Please try again in 1m2s.", 62.0),
        ("Used 5950, Requested 420. Please try again in 5.289s. Need more tokens?", 5.289),
        ("Please try again in 6m0s", 360.0),
        ("please try again in 1h2m3.5s, or later", 3723.5),
        ("Please try again in 24h", 86400.0),
        ("Please try again in 2m", 120.0),
        ("Please try again in 0s.", 0.0),
        ("Please try again in 7.5ms.", 0.0075),
    ],
)
def test_a_duration_in_the_sentence_is_a_hint(text: str, expected_s: float) -> None:
    assert hint_in_message(text) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Please try again in",
        "Please try again in .",
        "Please try again in a while.",
        "Please try again in 5",
        "Please try again in 5 min",
        "Please try again in -5s",
        "Please try again in 5e3s",
        "Please try again in 1_0s",
        "Please try again in ٣s",
        "Please try again in 3.s",
        "Please try again in 1.5m",
        "Please try again in 2s1m",
        "Please try again in 5sec",
        "Please try again in 5s-ish",
        "Please try again in 5\u017f",
        "Please try again in 1s.5",
        "Please try again in 99999999999s",
        "Please try again in 1m2x",
        "The user asked to try again in 5s.",
        "displease try again in 5s",
        "streamGenerateContent: retry in 20ms",
        "Please retry after 20 seconds.",
    ],
)
def test_a_look_alike_is_no_hint(text: str) -> None:
    assert hint_in_message(text) is None


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.text(), st.text())
def test_every_whole_duration_is_read_inside_any_text(h: int, m: int, s: int, before: str, after: str) -> None:
    assume("try again in" not in before.lower())
    text = f"{before} Please try again in {h}h{m}m{s}s. {after}"
    assert hint_in_message(text) == h * 3600 + m * 60 + s


@given(st.text(alphabet="0123456789.hms -"))
def test_reading_a_message_never_raises_and_never_gives_nonsense(tail: str) -> None:
    found = hint_in_message("Please try again in " + tail)
    assert found is None or (math.isfinite(found) and found >= 0)


# --- attempts -------------------------------------------------------------------------------------------------------


@given(unhinted)
def test_every_cause_but_a_rate_limit_shares_one_budget_by_default(cause: InterruptCause) -> None:
    assert attempts_max(RetryPolicy(attempts_max=5), cause) == (8 if isinstance(cause, RateLimited) else 5)


@given(unhinted)
def test_who_asks_once_asks_once_whatever_the_cause(cause: InterruptCause) -> None:
    assert attempts_max(RetryPolicy(attempts_max=1), cause) == 1


def test_limits_that_have_no_budget_of_their_own_share_the_others() -> None:
    shared = RetryPolicy(attempts_max=2, rate_limit_attempts_max=None)
    assert attempts_max(shared, RateLimited()) == attempts_max(shared, Overloaded()) == 2
    assert attempts_max(RetryPolicy(overload_attempts_max=6), Overloaded()) == 6


def test_a_rate_limit_may_have_a_budget_of_its_own() -> None:
    patient = RetryPolicy.patient()
    assert attempts_max(patient, RateLimited()) == attempts_max(patient, Overloaded(3.0)) == 8
    assert attempts_max(patient, ConnectionReset()) == attempts_max(patient, EmptyAnswer()) == 4


# --- delays ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", ORDINARY, ids=str)
def test_ordinary_causes_double_up_to_the_maximum(cause: InterruptCause) -> None:
    policy = RetryPolicy(jitter=Jitter.NONE)
    assert [delay_s(policy, cause, n, 0.5) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_rate_limit_without_a_hint_doubles_from_five_seconds() -> None:
    policy = RetryPolicy(jitter=Jitter.NONE)
    for cause in (RateLimited(), Overloaded()):
        assert [delay_s(policy, cause, n, 0.5) for n in range(1, 7)] == [5, 10, 20, 40, 60, 60]


@given(attempts, chances, st.sampled_from(Jitter))
def test_a_rate_limit_without_a_hint_waits_at_least_its_base(attempt: int, chance: float, jitter: Jitter) -> None:
    delay = delay_s(RetryPolicy(jitter=jitter), RateLimited(), attempt, chance)
    assert delay is not None
    assert 5.0 <= delay <= 90.0


@pytest.mark.parametrize("jitter", [Jitter.FULL, Jitter.ADDED, Jitter.PROPORTIONAL])
@pytest.mark.parametrize("cause", [RateLimited(), Overloaded(), IdleStall(), EmptyAnswer(), *ORDINARY, RateLimited(5)])
@pytest.mark.parametrize("attempt", [1, 2, 40])
def test_chance_enters_every_delay_also_at_its_maximum(attempt: int, cause: InterruptCause, jitter: Jitter) -> None:
    policy = RetryPolicy(jitter=jitter)
    delays = {delay_s(policy, cause, attempt, chance / 100) for chance in range(100)}
    assert len(delays) == 100


def test_a_crowd_after_an_overload_spreads_by_a_quarter_of_its_floor() -> None:
    delays = [delay_s(RetryPolicy(), Overloaded(), 1, chance) for chance in (0.0, 0.5, 1 - 2**-53)]
    assert delays == pytest.approx([5.0, 5.625, 6.25])


@given(policies, limits, seconds, attempts, chances)
def test_without_jitter_every_delay_is_exact(
    policy: RetryPolicy, limit: Callable[[float], InterruptCause], hint_s: float, attempt: int, chance: float
) -> None:
    assume(0 < hint_s <= policy.retry_after_s_max)
    exact = evolve(policy, jitter=Jitter.NONE)
    assert delay_s(exact, limit(hint_s), attempt, chance) == hint_s
    assert delay_s(exact, IdleStall(), attempt, chance) == delay_s(exact, IdleStall(), attempt, 0.0)


def test_an_empty_answer_doubles_from_a_quarter_of_a_second() -> None:
    policy = RetryPolicy(jitter=Jitter.NONE)
    assert [delay_s(policy, EmptyAnswer(), n, 0.5) for n in range(1, 8)] == [0.25, 0.5, 1, 2, 4, 5, 5]


@given(chances)
def test_stalls_are_followed_soon_and_then_less_soon(chance: float) -> None:
    policy = RetryPolicy(delay_s_max=1.0, jitter=Jitter.NONE)
    assert [delay_s(policy, IdleStall("headers"), n, chance) for n in range(1, 6)] == [0.2, 0.4, 0.8, 1.0, 1.0]


@given(policies, st.sampled_from([*ORDINARY, IdleStall("headers"), EmptyAnswer()]), attempts, chances, seconds)
def test_a_hint_beside_any_cause_is_a_floor(
    policy: RetryPolicy, cause: InterruptCause, attempt: int, chance: float, hint_s: float
) -> None:
    delay = delay_s(policy, cause, attempt, chance, hint_s)
    if hint_s > policy.retry_after_s_max:
        assert delay is None
    else:
        assert delay == (
            delay_s(policy, RateLimited(hint_s), attempt, chance) if hint_s else delay_s(policy, cause, attempt, chance)
        )


@given(attempts, chances)
def test_a_hint_never_holds_up_another_form_or_a_resumption(attempt: int, chance: float) -> None:
    for cause in (FormRefused("prefill"), ResumedFromCheckpoint()):
        assert delay_s(RetryPolicy(), cause, attempt, chance, 30.0) == 0.0


@given(policies, attempts, chances, st.sampled_from([FormRefused("prefill"), ResumedFromCheckpoint()]))
def test_what_is_nobodys_failure_waits_for_nobody(
    policy: RetryPolicy, attempt: int, chance: float, cause: InterruptCause
) -> None:
    assert delay_s(policy, cause, attempt, chance) == 0.0


@pytest.mark.parametrize(
    ("jitter", "low_s", "high_s"),
    [(Jitter.FULL, 0.0, 4.0), (Jitter.ADDED, 4.0, 4.4), (Jitter.PROPORTIONAL, 2.0, 6.0), (Jitter.NONE, 4.0, 4.0)],
)
def test_each_jitter_spans_what_it_says(jitter: Jitter, low_s: float, high_s: float) -> None:
    policy = RetryPolicy(jitter=jitter)
    assert delay_s(policy, ConnectionReset(), 3, 0.0) == pytest.approx(low_s)
    assert delay_s(policy, ConnectionReset(), 3, 1 - 2**-53) == pytest.approx(high_s)


@given(policies, unhinted, attempts, chances)
def test_no_delay_is_negative_or_above_its_maximum(
    policy: RetryPolicy, cause: InterruptCause, attempt: int, chance: float
) -> None:
    delay = delay_s(policy, cause, attempt, chance)
    assert delay is not None
    assert 0 <= delay <= delay_s_max(policy, cause)


@given(policies, unhinted, attempts, attempts, chances)
def test_delays_never_shrink_from_attempt_to_attempt(
    policy: RetryPolicy, cause: InterruptCause, one: int, other: int, chance: float
) -> None:
    sooner, later = (delay_s(policy, cause, n, chance) for n in sorted((one, other)))
    assert sooner is not None
    assert later is not None
    assert sooner <= later


@given(policies, limits, seconds, attempts, chances)
def test_a_hint_is_a_floor_that_chance_only_adds_to(
    policy: RetryPolicy, limit: Callable[[float], InterruptCause], hint_s: float, attempt: int, chance: float
) -> None:
    assume(0 < hint_s <= policy.retry_after_s_max)
    delay = delay_s(policy, limit(hint_s), attempt, chance)
    assert delay is not None
    assert hint_s <= delay <= hint_s * 1.1


@given(policies, limits, st.floats(0, math.inf), attempts, chances)
def test_a_hint_beyond_the_maximum_is_surfaced_and_not_slept(
    policy: RetryPolicy, limit: Callable[[float], InterruptCause], hint_s: float, attempt: int, chance: float
) -> None:
    assume(hint_s > policy.retry_after_s_max)
    assert delay_s(policy, limit(hint_s), attempt, chance) is None


@given(policies, limits, st.sampled_from([0.0, -0.0, -1.0, -math.inf, math.nan]), attempts, chances)
def test_a_hint_that_says_nothing_leaves_the_delay_to_the_policy(
    policy: RetryPolicy, limit: Callable[..., InterruptCause], hint_s: float, attempt: int, chance: float
) -> None:
    assert delay_s(policy, limit(hint_s), attempt, chance) == delay_s(policy, limit(), attempt, chance)


@given(policies, unhinted, attempts, chances)
def test_the_same_arguments_give_the_same_delay(
    policy: RetryPolicy, cause: InterruptCause, attempt: int, chance: float
) -> None:
    assert delay_s(policy, cause, attempt, chance) == delay_s(policy, cause, attempt, chance)


# --- limits that are used up ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("48s", 48.0),
        ("120ms", 0.12),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        (" 0s\t", 0.0),
        ("2m", 120.0),
        ("1h", 3600.0),
    ],
)
def test_a_duration_is_read_as_go_writes_it(text: str, expected_s: float) -> None:
    assert duration_s(text) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    "text", ["", "48", "s", "-1s", "1e3s", "1.5m", "2s1m", "48s!", "٣s", "99999999999s", "nan", "soon"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert duration_s(text) is None


@given(st.text(alphabet="0123456789.hms -"))
def test_reading_a_duration_never_raises_and_never_gives_nonsense(text: str) -> None:
    found = duration_s(text)
    assert found is None or (math.isfinite(found) and found >= 0)


def limit(name: str, remaining: str, reset: str) -> dict[str, str]:
    return {f"x-ratelimit-remaining-{name}": remaining, f"x-ratelimit-reset-{name}": reset}


def test_of_the_limits_that_are_used_up_the_longest_counts() -> None:
    used_up = {**limit("requests", "0", "20ms"), **limit("tokens", "0", "6m0s"), **limit("images", "9", "1h")}
    assert reset_hint_s(used_up) == 360.0
    assert reset_hint_s(limit("tokens", "89985", "9ms")) is None
    assert reset_hint_s({"x-ratelimit-reset-tokens": "6m0s"}) is None
    assert reset_hint_s({"x-ratelimit-remaining-tokens": "0"}) is None


@given(st.dictionaries(st.sampled_from(list(limit("a", "", "")) + list(limit("b", "", ""))), st.text() | st.just("0")))
def test_any_headers_give_a_reset_or_none(headers: dict[str, str]) -> None:
    found = reset_hint_s(headers)
    assert found is None or found >= 0
