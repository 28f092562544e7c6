"""The sixteen rules of Failover Bench by their ids, for one provider: its faults, in our words and code.

*Source*: failoverbench/failoverbench on GitHub, methodology v0.1 (MIT): its catalogue of scenarios, and the timings of
its server; read 2026-12. It judges a route of two models. Here there is one: where a rule needs the second, `differs`
says what stands for it, and where that would take the rule's point away, nobody with one provider can win.
"""

from __future__ import annotations

import math

from ...testing.script.faults import Fault, FaultKind
from ...testing.wire.formats import Wire
from .fault import BenchFault
from .play import WELL, Place, Play, Refusal, http_error

_GROUP = "Failover Bench"
_ALWAYS = "every request is answered so, and there is no second provider to go to"


def _status(status: int, hint_s: float | None = None, refusal: Refusal = Refusal.PLAIN) -> Play:
    return Play(http_error(status, hint_s), refusal=refusal)


FAILOVER_RULES: tuple[BenchFault, ...] = (
    BenchFault(
        name="s01-429-retry-after",
        group=_GROUP,
        title="429 with a Retry-After of 2 s, once.",
        plays=(_status(429, 2.0),),
        faults=(http_error(429, 2.0),),
    ),
    BenchFault(
        name="s02-429-persistent",
        group=_GROUP,
        title="429 without a hint, to every request.",
        plays=(_status(429),),
        repeats=True,
        ends_in_error=True,
        cannot_win={"*": _ALWAYS},
        faults=(http_error(429),) * 20,
    ),
    BenchFault(
        name="s03-500-once",
        group=_GROUP,
        title="500, once.",
        plays=(_status(500),),
        faults=(http_error(500),),
    ),
    BenchFault(
        name="s04-503-persistent",
        group=_GROUP,
        title="503 to every request.",
        plays=(_status(503),),
        repeats=True,
        ends_in_error=True,
        cannot_win={"*": _ALWAYS},
        faults=(http_error(503),) * 20,
    ),
    BenchFault(
        name="s05-reset",
        group=_GROUP,
        title="The connection is reset before the headers, once.",
        plays=(Play(Fault(FaultKind.CONNECT_ERROR)),),
        faults=(Fault(FaultKind.CONNECT_ERROR),),
    ),
    BenchFault(
        name="s06-no-response",
        group=_GROUP,
        title="The request is taken and never answered, every time.",
        plays=(Play(Fault(FaultKind.SLOW_HEADERS, seconds=math.inf)),),
        repeats=True,
        ends_in_error=True,
        cannot_win={"*": _ALWAYS},
        differs="Silent for ever, not for 120 s.",
        faults=(Fault(FaultKind.SLOW_HEADERS, seconds=math.inf),) * 20,
    ),
    BenchFault(
        name="s07-slow-first-token",
        group=_GROUP,
        title="Headers at once, the first word after 20 s, every time; the rest is normal.",
        plays=(Play(Fault(FaultKind.PAUSE, seconds=20.0), Place.START),),
        repeats=True,
        faults=(Fault(FaultKind.DRIP, 2, seconds=20.0, count=1),) * 20,
    ),
    BenchFault(
        name="s08-stream-cut",
        group=_GROUP,
        title="Every stream dies after 40 tokens: who starts over never sees the rest.",
        plays=(Play(Fault(FaultKind.HALF_CLOSE, 40), Place.TOKENS),),
        repeats=True,
        faults=(Fault(FaultKind.HALF_CLOSE, 42),),
    ),
    BenchFault(
        name="s09-stream-stall",
        group=_GROUP,
        title="Every stream is silent for 30 s after 20 tokens, and then closes.",
        plays=(Play(Fault(FaultKind.STALL, 20, seconds=30.0, count=1), Place.TOKENS),),
        repeats=True,
        faults=(Fault(FaultKind.STALL, 22), Fault(FaultKind.STALL, 22)),
    ),
    BenchFault(
        name="s10-malformed-chunk",
        group=_GROUP,
        title="The tenth event is broken JSON; the stream goes on.",
        plays=(Play(Fault(FaultKind.BAD_EVENT, 10), Place.TOKENS),),
        differs="Once: later requests stand for the second model, which is well.",
        faults=(Fault(FaultKind.GARBAGE, 12),),
    ),
    BenchFault(
        name="s11-no-done",
        group=_GROUP,
        title="All is said and finished; the format's trailer is missing.",
        plays=(Play(Fault(FaultKind.PREMATURE_END), Place.TRAILER),),
        repeats=True,
        wires=(Wire.ANTHROPIC, Wire.OPENAI),
        differs="Also for Messages, whose trailer is message_stop. The other formats end with their finish word.",
    ),
    BenchFault(
        name="s12-context-length",
        group=_GROUP,
        title="400: the prompt is longer than the model's context, every time.",
        plays=(_status(400, refusal=Refusal.CONTEXT),),
        repeats=True,
        ends_in_error=True,
        cannot_win={"*": "the prompt does not fit, and there is no model with a larger context to go to"},
        faults=(http_error(400),) * 20,
    ),
    BenchFault(
        name="s13-content-filter",
        group=_GROUP,
        title="400: the prompt was refused by a filter, every time.",
        plays=(_status(400, refusal=Refusal.FILTER),),
        repeats=True,
        ends_in_error=True,
        cannot_win={"*": "the provider refuses the prompt for good; a clean error is the right end"},
        faults=(http_error(400),) * 20,
    ),
    BenchFault(
        name="s14-prefill-refused",
        group=_GROUP,
        title="The stream dies after 40 tokens, and a request that ends with the assistant's turn is refused with 400.",
        plays=(Play(Fault(FaultKind.HALF_CLOSE, 40), Place.TOKENS), Play(refuses_prefill=True)),
        repeats=True,
        differs="The same model refuses: later requests stand for the second one.",
        faults=(Fault(FaultKind.HALF_CLOSE, 42), Fault(FaultKind.PREFILL_REFUSED)),
    ),
    BenchFault(
        name="s15-flap",
        group=_GROUP,
        title="503 to the first two requests; then the provider is well.",
        plays=(_status(503), _status(503)),
        differs="Two requests, not 60 s of a sequence of twenty: with one provider nothing can serve meanwhile.",
        faults=(http_error(503), http_error(503)),
    ),
    BenchFault(
        name="s16-503-accounting",
        group=_GROUP,
        title="503, once; what is paid is the one answer.",
        plays=(_status(503), WELL),
        differs="Later requests stand for the second model; judged is that no token is paid twice.",
        faults=(http_error(503),),
    ),
)
"""In the order of their ids."""
