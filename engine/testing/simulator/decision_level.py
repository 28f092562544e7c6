"""Simulated runs at the level of decisions: the state machine of a run alone, without an event loop.

A shell of paper carries its effects out, keeps what a consumer would have seen, and holds the laws about decisions.
What a model says and how attempts end is drawn from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ...core.accumulator import Accumulator
from ...core.capabilities import Capabilities, ContinuationForm
from ...core.causes import ConnectionReset, IdleStall, InterruptCause, MalformedStream, PrematureEnd
from ...core.effects import Ask, CancelAttempt, Deliver, Effect, Fail, Finish, Record, Stopped, Wait
from ...core.events import StreamReset, ToolCallCancel, ToolCallReady
from ...core.failures import Failure, FailureKind
from ...core.journal import AttemptBegan, AttemptEnded
from ...core.messages import Message
from ...core.outcome import AttemptReport, Broken, Crashed, Ended, Failed, Outcome, Unconfirmed
from ...core.planner import plan_recovery
from ...core.policy import Policy, RetryPolicy
from ...core.request import InferenceRequest
from ...core.retry_budget import RetryBudget
from ...core.run_rules import Ending, Planner, RunRules
from ...core.run_state import RunState
from ...core.stop import StopReason
from ...core.stream_events import (
    BlockStop,
    CursorMoved,
    ReasoningDelta,
    ServerToolStarted,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.target import Target
from ...core.usage import UsageReport

REQUEST = InferenceRequest([Message.user("Tell me of rivers.")], max_tokens=10_000)

_CAUSES: tuple[InterruptCause, ...] = (ConnectionReset(), IdleStall(), PrematureEnd(), MalformedStream("no JSON"))
_FAILURES = (
    Failure(FailureKind.RATE_LIMITED, "slow down", 429, retry_after_s=7.0),
    Failure(FailureKind.RATE_LIMITED, "come back tomorrow", 429, retry_after_s=86_400.0),
    Failure(FailureKind.OVERLOADED, "too many", 529),
    Failure(FailureKind.PROVIDER, "oops", 500),
    Failure(FailureKind.INVALID_REQUEST, "no", 400),
    Failure(FailureKind.UNAUTHORIZED, "who?", 401),
    Failure(FailureKind.CONTINUATION_REFUSED, "no prefill", 400),
)
FORMS = (
    Capabilities(),
    Capabilities(forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE)),
    Capabilities(forms=()),
    Capabilities(can_reattach=True),
)


class PaperModel:
    """A model that is asked on paper."""

    name: str = "paper"
    model: str = "m"

    def __init__(self, declared: Capabilities) -> None:
        self._declared = declared

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Say what was declared."""
        return self._declared

    def reattach(self) -> None:
        """Having it is what counts."""


class DecisionBroken(AssertionError):
    """A law about decisions does not hold."""


class PaperScreen:
    """What a consumer has before it: the text, the calls under way, and the ids of the calls that were released."""

    def __init__(self) -> None:
        self.text: str = ""
        self.open_calls: set[str] = set()
        self.released: list[str] = []

    def show(self, event: object) -> None:
        """Take what the fold gives for an event of the model's."""
        match event:
            case TextDelta(text):
                self.text += text
            case ToolCallStart(call_id):
                self.open_calls.add(call_id)
            case ToolCallReady(call):
                require(call.id not in self.released, "3: a call was released twice")
                self.open_calls.discard(call.id)
                self.released.append(call.id)
            case ToolCallCancel(call_id):
                self.open_calls.discard(call_id)
            case _:
                pass

    def deliver(self, event: object) -> None:
        """Take what the run itself gives."""
        match event:
            case StreamReset():
                require(not self.released, "3: what was said with a released call was taken back")
                self.text = ""
            case ToolCallCancel(call_id):
                require(call_id in self.open_calls, "3: a call was cancelled that was not under way")
                self.open_calls.discard(call_id)
            case _:
                pass


class PaperShell:
    """One run on paper. `asked` is the attempt under way, `end` how the run ended, `screen` what was shown."""

    def __init__(
        self,
        declared: Capabilities,
        retry: RetryPolicy,
        *,
        planner: Planner = plan_recovery,
        chance: Callable[[], float] = lambda: 0.5,
        target: Target | None = None,
    ) -> None:
        self.policy: Policy = Policy(retry=retry)
        self.accumulator: Accumulator = Accumulator(self.policy.limits)
        budget = RetryBudget(retry.engine_retries_max)
        asked = Target(PaperModel(declared)) if target is None else target
        rules = RunRules(REQUEST, (asked,), self.policy, planner, budget)
        self.state: RunState = RunState(rules, self.accumulator, None, now_s=0.0)
        self.now_s: float = 0.0
        self.asked: Ask | None = None
        self.waits: Wait | None = None
        self.end: Finish | Fail | Stopped | None = None
        self.effects: list[Effect] = []
        self.screen: PaperScreen = PaperScreen()
        self.asks: list[Ask] = []
        self.refused_forms: int = 0
        self._chance = chance
        self._carry_out(self.state.begin(0.0))

    # -- what happens ---------------------------------------------------------------------------------------------

    def say(self, events: Sequence[StreamEvent]) -> None:
        """Let the model say this in the attempt under way."""
        for event in events:
            self.screen.show(self.accumulator.fold(event))

    def wait(self) -> None:
        """Let the wait pass that is asked for."""
        if self.waits is None:
            raise ValueError("nothing is waited for")
        self.now_s += self.waits.delay_s or 0.0
        self._carry_out(self.state.waited(self.now_s))

    def end_attempt(self, outcome: Outcome, *, said: bool) -> None:
        """Let the attempt under way end so."""
        if self.asked is None:
            raise ValueError("no attempt is under way")
        number, form = self.asked.attempt.number, self.asked.attempt.step.form
        report = self._report(outcome, said)
        is_refusal = isinstance(outcome, Failed) and not said and form is not ContinuationForm.RESTART
        self.refused_forms += is_refusal
        self.now_s += 1.0
        self._carry_out(self.state.attempt_ended(number, report, now_s=self.now_s, chance=self._chance))

    def stop(self, ending: Ending, *, said: bool) -> None:
        """Cancel or pause the run, in whatever phase it is."""
        report = None if self.asked is None else self._report(None, said)
        self._carry_out(self.state.stopped(ending, report, self.now_s))

    def _report(self, outcome: Outcome | None, said: bool) -> AttemptReport:
        return AttemptReport(outcome, isinstance(outcome, Ended), said, None, 100 if said else 0)

    # -- carrying out, and the laws -------------------------------------------------------------------------------

    def _carry_out(self, effects: list[Effect]) -> None:
        self.asked = self.waits = None
        require(bool(effects), "2: nothing follows, and the run has not ended")
        for effect in effects:
            self.effects.append(effect)
            require(self.end is None, "2: something follows the run's end")
            match effect:
                case Ask():
                    self._asked(effect)
                case Wait():
                    self.waits = effect
                case Finish() | Fail() | Stopped():
                    self.end = effect
                    self._ended()
                    self._finished_whole(effect)
                case Deliver(event):
                    self.screen.deliver(event)
                case _:
                    pass
        waiting = [self.asked, self.waits, self.end]
        require(sum(each is not None for each in waiting) == 1, "2: a batch says not exactly one thing to wait for")

    def _asked(self, ask: Ask) -> None:
        step, screen = ask.attempt.step, self.screen
        self.asked = ask
        self.asks.append(ask)
        require(not screen.released or step.form is ContinuationForm.CURSOR, "3: asked again after a released call")
        require(screen.text == self.accumulator.text, "1: what was shown is not what is held")
        if step.form in (ContinuationForm.PREFILL, ContinuationForm.NATIVE, ContinuationForm.QUOTE):
            require(step.said + step.trimmed == screen.text, "1: the request says that something else was said")
        elif step.form is ContinuationForm.RESTART:
            require(not screen.text, "1: started over while text was shown")
        require(not screen.open_calls or step.form is ContinuationForm.CURSOR, "3: asked again with a call under way")
        spent = len(self.asks) - min(self.refused_forms, len(ContinuationForm))
        require(spent <= self.policy.retry.attempts_max, "8: more attempts than the budget has")

    def _ended(self) -> None:
        records = self.state.records
        require(self.screen.text == self.accumulator.text, "1: at the end, what was shown is not what is held")
        require(not self.screen.open_calls, "3: the run ended with a call under way that was not cancelled")
        require(len(records) == len(self.asks), "9: not one line for each attempt")
        usage = sum((record.usage.output for record in records), 0)
        require(usage == self.accumulator.total_usage.output, "9: the lines do not add up")
        began = [effect for effect in self.effects if isinstance(effect, Record) and type(effect.entry) is AttemptBegan]
        ended = [effect for effect in self.effects if isinstance(effect, Record) and type(effect.entry) is AttemptEnded]
        require(len(began) == len(ended) == len(self.asks), "9: the journal was not told of each attempt")
        cancelled = [effect for effect in self.effects if isinstance(effect, CancelAttempt)]
        require(len(cancelled) <= 1, "2: an attempt was cancelled twice")

    def _finished_whole(self, end: Finish | Fail | Stopped) -> None:
        """An end was told by the provider, or stands for a call, or is one that asking did not confirm."""
        if not isinstance(end, Finish) or self.screen.released or self.accumulator.stop is not None:
            return
        require(end.reason is StopReason.OTHER, "2: an end that nothing confirmed is told as something else")
        is_known = self.asks[-1].attempt.target.capabilities(REQUEST).ends_without_finish
        in_order = [record for record in self.state.records if isinstance(record.cause, PrematureEnd)]
        require(is_known or len(in_order) > 1, "2: an end that nothing said was taken for whole, and not asked about")
        require(not self.accumulator.is_empty, "13: an answer of nothing is told as whole")


def require(holds: bool, law: str) -> None:
    """Raise DecisionBroken unless it holds."""
    if not holds:
        raise DecisionBroken(law)


# -- drawn outcomes ---------------------------------------------------------------------------------------------------


def drawn_words(dice: random.Random, number: int) -> list[StreamEvent]:
    """What a model says in one attempt, drawn."""
    events: list[StreamEvent] = []
    for at in range(dice.randrange(5)):
        call = f"call-{number}-{at}"
        choices: list[list[StreamEvent]] = [
            [TextDelta(f"word{number}.{at} ")],
            [TextDelta("a "), TextDelta("b")],
            [ReasoningDelta("hm"), BlockStop()],
            [ToolCallStart(call, "look"), ToolCallDelta(call, "{"), ToolCallDelta(call, "}"), BlockStop(call)],
            [ToolCallStart(call, "look"), ToolCallDelta(call, '{"a":')],
            [UsageReport(output=dice.randrange(9))],
            [CursorMoved(f"at {number}.{at}")],
        ]
        events += choices[dice.randrange(len(choices))]
    if dice.random() < 0.05:
        events.append(ServerToolStarted("search"))
    return events


def drawn_outcome(dice: random.Random) -> Outcome:
    """How an attempt ends, drawn."""
    kind = dice.random()
    if kind < 0.2:
        return Ended()
    if kind < 0.3:
        return Unconfirmed()
    if kind < 0.6:
        return Broken(dice.choice(_CAUSES))
    return Failed(dice.choice(_FAILURES)) if kind < 0.95 else Crashed(KeyError("foreign"))


def play(seed: int) -> PaperShell:
    """Play one run to its end, with everything drawn from a seed. Raises DecisionBroken."""
    dice = random.Random(seed)  # noqa: S311 - a simulation's dice have to repeat
    retry = RetryPolicy(attempts_max=dice.randint(1, 5), engine_retries_max=dice.choice((None, 1, 100)))
    shell = PaperShell(dice.choice(FORMS), retry, chance=dice.random)
    while shell.end is None:
        if dice.random() < 0.05:
            shell.stop(dice.choice(tuple(Ending)), said=dice.random() < 0.5)
        elif shell.waits is not None:
            shell.wait()
        else:
            play_attempt(shell, dice)
    return shell


def play_attempt(shell: PaperShell, dice: random.Random) -> None:
    """Let the attempt under way say something and end."""
    words = drawn_words(dice, len(shell.asks)) if dice.random() < 0.8 else []
    outcome = drawn_outcome(dice)
    if isinstance(outcome, Ended):
        words.append(StopReported(StopReason.END_TURN, "stop"))
    shell.say(words)
    if isinstance(outcome, Ended):
        shell.say([BlockStop(call_id, is_cut=True) for call_id in sorted(shell.screen.open_calls)])
    shell.end_attempt(outcome, said=bool(words))
