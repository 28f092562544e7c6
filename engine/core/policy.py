"""How patient a run is: frozen, keyword-only numbers in seconds and counts. The arithmetic is in `retry`.

Each default cites its precedent, or says why. Three of the precedents are clients in Rust: ailoop (the crate
`ailoop-core` 1.0), awaken (github.com/awakenworks/awaken) and Gestura (github.com/gestura-ai/gestura-app).
"""

from __future__ import annotations

from enum import StrEnum

from attrs import Factory, evolve, field, frozen

from .usage_error import UsageError
from .validators import Validator, at_least, count, instance, is_whole_number, or_none, seen, within


class Jitter(StrEnum):
    """How chance enters a delay. Each but `NONE` enters every delay; to a server's hint all but `NONE` only add."""

    FULL = "full"
    """Anywhere from 0 to the delay: spreads a herd best (AWS Architecture Blog, "Exponential Backoff And Jitter")."""
    ADDED = "added"
    """The delay plus 0 to 10 % (ailoop)."""
    PROPORTIONAL = "proportional"
    """The delay times 0.5 to 1.5 (google-http-java-client, `ExponentialBackOff`)."""
    NONE = "none"
    """The delay itself, and a server's hint itself: for tests that count seconds."""


DELAY_S_MAX = 1e9
"""The longest delay a policy may ask for (31 years): keeps the arithmetic of `retry` finite, whatever is doubled."""


def _delay() -> Validator:
    return within(0, DELAY_S_MAX, f"a number from 0 to {DELAY_S_MAX:g}")


def _jitter(value: Jitter | str) -> Jitter:
    try:
        return Jitter(value)
    except ValueError:
        words = ", ".join(f"'{word}'" for word in Jitter)
        raise UsageError(f"jitter is {seen(value)}; expected a Jitter: {words}") from None


RATE_LIMIT_ATTEMPTS = 8
"""How many attempts in a row a rate limit may have (seeds, row 002: `RATE_LIMIT_MAX_COMPLETION_ATTEMPTS`)."""

ATTEMPTS_TOTAL = 20
"""How many attempts a run may have, at the least: an answer of five minutes is whole behind a proxy that cuts every
minute, and one that is cut every 20 s still is."""


def _rate_limit_attempts(retry: RetryPolicy) -> int:
    """Return the default: who asks once asks once, whatever the answer was."""
    most = _number(retry.attempts_max)
    return 1 if most == 1 else max(most, RATE_LIMIT_ATTEMPTS)


def _attempts_total(retry: RetryPolicy) -> int:
    """Return the default: not below what the other numbers ask for; who asks once has one in all."""
    budgets = (retry.attempts_max, retry.rate_limit_attempts_max, retry.overload_attempts_max)
    most = max(map(_number, budgets))
    return 1 if most == 1 else max(most, ATTEMPTS_TOTAL)


def _number(budget: object) -> int:
    """Read a budget before it was checked: what is none will be refused by its name."""
    return budget if is_whole_number(budget) else 1


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how soon an attempt is followed by another.

    Attributes:
        attempts_max: attempts in a row without progress, the first included (awaken, openai-python: 1 + 2). Progress is
            1 KiB of useful bytes, or a closed block, beyond all earlier attempts (`reach`).
        rate_limit_attempts_max: the same where the last cause was a rate limit; None is `attempts_max`. Left out, it is
            8 (seeds, row 002), or `attempts_max` if that is more. Where `attempts_max` is 1, so are all.
        overload_attempts_max: the same where the last cause was an overload; None is `attempts_max`: who is down is not
            helped by being asked more often.
        attempts_total_max: attempts of one run, with or without progress, rate limits included. Left out, it is 20, or
            the largest of the others if that is more, or 1 if all of them are 1.
        base_delay_s: the first delay, doubled each time (ailoop: 1 s).
        delay_s_max: where doubling ends (ailoop: 30 s).
        rate_limit_base_delay_s: the first delay after a rate limit without a hint (Gestura: 5 s).
        rate_limit_delay_s_max: where that doubling ends (60 s: providers count limits by the minute).
        empty_base_delay_s: the first delay after an empty answer: short, for nobody said to wait.
        empty_delay_s_max: where that doubling ends: at the least wait after a rate limit.
        stall_delay_s: the first delay after a stall, and short: the wait was long (awaken: 200 ms). Doubled
            like the others, up to `delay_s_max`: who stalls every time is not helped by being asked more often.
        retry_after_s_max: a server's hint beyond this is not slept: the run ends with the hint in its error
            (openai 3.x: 120 s).
        jitter: how chance enters, after the maximum; a server's hint is a floor that chance only adds to.
        engine_retries_max: retries of attempts that brought nothing, which all runs of an engine may take before one of
            their answers ends; see `retry_budget` (AWS SDKs, standard retry mode: 100). None: as many as each run has.
    """

    attempts_max: int = field(default=3, validator=count())
    rate_limit_attempts_max: int | None = field(
        default=Factory(_rate_limit_attempts, takes_self=True), validator=or_none(count())
    )
    overload_attempts_max: int | None = field(default=None, validator=or_none(count()))
    attempts_total_max: int = field(default=Factory(_attempts_total, takes_self=True), validator=count())
    base_delay_s: float = field(default=1.0, validator=_delay())
    delay_s_max: float = field(default=30.0, validator=_delay())
    rate_limit_base_delay_s: float = field(default=5.0, validator=_delay())
    rate_limit_delay_s_max: float = field(default=60.0, validator=_delay())
    empty_base_delay_s: float = field(default=0.25, validator=_delay())
    empty_delay_s_max: float = field(default=5.0, validator=_delay())
    stall_delay_s: float = field(default=0.2, validator=_delay())
    retry_after_s_max: float = field(default=120.0, validator=_delay())
    jitter: Jitter = field(default=Jitter.FULL, converter=_jitter)
    engine_retries_max: int | None = field(default=100, validator=or_none(count()))

    @classmethod
    def patient(cls) -> RetryPolicy:
        """Return the numbers of a batch client: four attempts, eight under a rate limit."""
        return cls(
            attempts_max=4,
            rate_limit_attempts_max=8,
            overload_attempts_max=8,
            base_delay_s=0.25,
            delay_s_max=5.0,
            jitter=Jitter.PROPORTIONAL,
        )


@frozen(kw_only=True)
class Throughput:
    """The least useful bytes (text, reasoning, arguments) a window of seconds must bring once the answer has begun."""

    bytes_min: int = field(validator=count())
    window_s: float = field(validator=at_least(0.001))


@frozen(kw_only=True)
class StallPolicy:
    """The six clocks of an attempt, each fresh for every attempt; None switches one off.

    Only time spent waiting for the provider counts. Pings are liveness: they may extend the first-event clock, up to
    `first_event_s_max`, and no other. While a call or a thought is open, that clock stands in for the gap clock where
    it is the longer one: a call of 36,000 tokens was composed in 330 s of silence with pings.

    Attributes:
        connect_s: TCP and TLS (Gestura: 10 s); apart from that, a place in the pool of a client of yours. The engine's
            own has no bound, for that wait is not the provider's.
        headers_s: from the request to the answer's headers (openai-python: 600 s read; we wait 120 s).
        first_event_s: from the headers to the first semantic event (Claude Code's first-byte watchdog: 180 to 300 s).
        first_event_s_max: how far pings may extend it (DeepSeek closes after 10 minutes without inference); no clock of
            its own, so it means nothing without `first_event_s`, or below it. Of an answer that is not streamed it is
            the clock of the headers, and of the body.
        idle_s: the gap between semantic events, doubled for models that reason (awaken: 60 s, and doubled so); while a
            call or a thought is open, `first_event_s` where that is longer.
        throughput: a floor for useful bytes; off unless set, for slow local models are not stalled.
        total_s: the whole attempt; off unless set (Gestura has 300 s; a stream that makes progress is not late).
    """

    connect_s: float | None = field(default=10.0, validator=or_none(at_least(0)))
    headers_s: float | None = field(default=120.0, validator=or_none(at_least(0)))
    first_event_s: float | None = field(default=180.0, validator=or_none(at_least(0)))
    first_event_s_max: float | None = field(default=600.0, validator=or_none(at_least(0)))
    idle_s: float | None = field(default=60.0, validator=or_none(at_least(0)))
    throughput: Throughput | None = field(
        default=None, validator=or_none(instance(Throughput, "a Throughput(bytes_min=…, window_s=…), or None"))
    )
    total_s: float | None = field(default=None, validator=or_none(at_least(0)))

    def in_one_piece(self) -> StallPolicy:
        """Return the clocks of an answer that is not streamed: all of it is composed before its first byte.

        Its headers, and then its body, may take `first_event_s_max`, if they may not take longer anyway.
        """
        most = self.first_event_s_max
        longer = [limit for limit in (self.headers_s, self.first_event_s) if limit is not None]
        waits_s = None if most is None else max(most, *longer)
        return evolve(self, headers_s=waits_s, first_event_s=waits_s, first_event_s_max=waits_s)

    @property
    def longest_wait(self) -> str:
        """The field whose limit holds `in_one_piece`: `first_event_s_max`, unless another one is longer."""
        limits = {"first_event_s": self.first_event_s, "headers_s": self.headers_s}
        most = self.first_event_s_max or 0.0
        longer = [(limit, name) for name, limit in limits.items() if limit is not None and limit > most]
        return max(longer, default=(most, "first_event_s_max"))[1]


@frozen(kw_only=True)
class CheckpointPolicy:
    """How closely the store follows the stream.

    Attributes:
        lag_bytes: write when this much was said since the last write (4 KiB: a page).
        lag_s: or when the oldest unwritten word is this old (a person's notion of "just now": 0.25 s).
        before_delivery: nothing is shown that is not stored; a store that fails then ends the run with `StoreError`.
        write_s: the deadline of one write; a write that misses it is counted and tried again with the next.
        load_s: the deadline of reading a checkpoint when a run opens.
        last_flush_s: how long the shielded flush at the end of a run may take, also under cancellation.
    """

    lag_bytes: int = field(default=4096, validator=count())
    lag_s: float = field(default=0.25, validator=at_least(0))
    before_delivery: bool = field(default=False, validator=instance(bool, "True or False"))
    write_s: float = field(default=5.0, validator=at_least(0))
    load_s: float = field(default=10.0, validator=at_least(0))
    last_flush_s: float = field(default=2.0, validator=at_least(0))


@frozen(kw_only=True)
class Limits:
    """What a hostile provider may make us hold; each ends the attempt with a typed failure.

    Attributes:
        line_bytes_max: a line of the stream. The largest that was recorded is 48 KB; 8 MiB admit an image of 4 MiB in
            base64 (5.6 MB), arguments at their own bound with every character escaped, and an echo of the request.
        event_bytes_max: an event of the stream.
        text_bytes_max: a whole answer: its text, reasoning (signed and sealed too), calls, and blocks that only their
            provider understands; of what is kept as JSON each value counts for 64 bytes more. 128,000 tokens, the
            largest output ceiling, are half a MiB.
        arguments_bytes_max: the arguments of one call: four times that ceiling.
        calls_max: the calls of an answer.
        blocks_max: the blocks of an answer.
        error_body_bytes_max: the body of an error; the rest is not read.
        held_bytes_max: what a decoder holds back at once, all of it together: open blocks, arguments, ids.
        values_max: the values of one JSON text, counted before it is parsed: 65,536 take the parser up to 30 ms.
        restarts_max: how often an answer may begin anew inside one response.
        cursor_bytes_max: the place where a stream can be read on (`CursorMoved`), as text; beyond it there is none, and
            0 is never any: what an engine says of a request that did not ask for an answer that can be read on.

    *Source*: the table in docs/hardening.md, with a precedent for each.
    """

    line_bytes_max: int = field(default=8 * 1024 * 1024, validator=count())
    event_bytes_max: int = field(default=8 * 1024 * 1024, validator=count())
    text_bytes_max: int = field(default=12 * 1024 * 1024, validator=count())
    arguments_bytes_max: int = field(default=2 * 1024 * 1024, validator=count())
    calls_max: int = field(default=1024, validator=count())
    blocks_max: int = field(default=4096, validator=count())
    error_body_bytes_max: int = field(default=64 * 1024, validator=count())
    held_bytes_max: int = field(default=16 * 1024 * 1024, validator=count())
    values_max: int = field(default=64 * 1024, validator=count())
    restarts_max: int = field(default=8, validator=count())
    cursor_bytes_max: int = field(default=8 * 1024, validator=count(0))


@frozen(kw_only=True)
class Policy:
    """Everything a run's patience depends on."""

    retry: RetryPolicy = field(default=RetryPolicy(), validator=instance(RetryPolicy, "a RetryPolicy(…)"))
    stall: StallPolicy = field(default=StallPolicy(), validator=instance(StallPolicy, "a StallPolicy(…)"))
    checkpoint: CheckpointPolicy = field(
        default=CheckpointPolicy(), validator=instance(CheckpointPolicy, "a CheckpointPolicy(…)")
    )
    limits: Limits = field(default=Limits(), validator=instance(Limits, "a Limits(…)"))
