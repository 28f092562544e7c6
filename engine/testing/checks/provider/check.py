"""The laws on a provider: what its decoder makes of any bytes, what its requests say, and what its errors show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias, cast

from attrs import evolve

from ....core.messages import Message, ToolCall
from ....core.provider import ErrorResponse, Provider
from ....core.request import InferenceRequest
from ....core.usage_error import UsageError
from ...law import Held, Law, LawBroken, Violation, require_draws, told_alone
from ...script.answers import Answer
from ...simulator.state import REQUEST
from ...wire.answers import answer_bytes, wire_of
from .asked import claimed_faults, told_apart_faults
from .decoding import Judge, Write, status_faults
from .in_one_piece import whole_request_faults
from .requests import SECRET_CHARS_MIN, conversation_faults, form_faults, takes_tools, world_faults
from .streams import PLAIN, SPOKEN, flood_faults

PROVIDER_LAWS = (
    Law.ONE_STREAM,
    Law.ONE_END,
    Law.WHOLE_CALLS,
    Law.CUT_ANYWHERE,
    Law.PURE,
    Law.BUDGETS,
    Law.LEDGER,
    Law.NO_LEAKS,
    Law.ANY_ORDER,
)

_BEGUN = InferenceRequest((Message.user("Tell me of the river."), Message.assistant("The river is wide. ")))
"""A request that ends with the caller's own prefix; what was said joins it."""


@told_alone
def check_provider(
    provider: Provider, *, write: Write | None = None, key: str | None = None, runs: int = 100, seed: int = 0
) -> Held:
    """Prove a provider safe on drawn answers, bytes, requests and errors, or show the smallest that it gets wrong.

    Nine of the eleven laws depend on a provider; "time belongs to the provider" and "cancellation wins" are the
    engine's alone. Its decoder: any cut of the bytes gives the same events, and so does any spelling of the same
    stream; no bytes and no shapes make it raise; what it gives of a whole answer is that answer; a body that is cut
    short is never complete; signs of life are no progress; nothing after the terminal event matters; two decoders at
    once do not disturb each other; what it holds is bounded. Its requests: pure, valid JSON, with the conversation and
    all that was asked for (several of each, zeros, the same once more) and, in each declared form, exactly what was
    said; what it claims it does not refuse. Its errors: typed, short, without the key, and retryable where time heals.
    Answers that are not streamed, where it has them: asked for with all of that, and decoded to the same.
    And whole runs: the real engine, cut at any byte, continues to the same answer.
    Re-attaching is not judged; errors inside a stream are only where its `name` is one of riverrun's own.

    Args:
        provider: the provider, made with a made-up key of 8 characters or more.
        write: writes a whole answer as its server would; needed where its `name` is none of riverrun's own.
        key: that key: it is then looked for in URL, headers, body, `repr` and errors. Without it, the values of
            `Secret` headers are, and a plain header is refused that holds one by its name (key, token, session, …) or
            its value (`Bearer …`).
        runs: how many values are drawn for each claim; a quarter as many whole runs.
        seed: what the draws begin with.

    Returns:
        What held, and in `refused` what was asked for and refused. "nothing leaks" is not among the laws where no
        secret is known that could leak.

    Raises:
        LawBroken: with the law, and the smallest value as a story. Also for whatever the provider raises.
        UsageError: Hypothesis is not installed, nobody knows how its server writes, an argument that no check can
            begin with, or a call inside a trio run.
    Cost: about 70 ms for each of `runs`, and a second.
    """
    require_draws("check_provider", runs, seed)
    _require_provider(provider)
    _require_key(key)
    try:
        from ... import strategies
        from ...find_smallest import find_smallest
    except ImportError as error:
        raise UsageError("Hypothesis is not installed, and is needed here: pip install hypothesis") from error
    judge = _judge_of(provider, write, key)
    for given, fixed in _FIRST:
        _refute(judge, given, fixed)
    claims = _claims(judge, strategies)
    for strategy, claim, share in claims:
        breaks = partial(_breaks, judge, claim)
        found = find_smallest(strategy, breaks, runs=max(runs // share, 1), seed=seed)
        if found is not None:
            again = "what it does is not the same when it is done again"
            violation = (_judged(judge, claim, found) or [Violation(Law.PURE, again)])[0]
            raise LawBroken(violation.law, _story(judge, found, violation))
    _refute(judge, "values of other shapes in a whole answer", Judge.shapes)
    laws = tuple(law for law in PROVIDER_LAWS if law is not Law.NO_LEAKS or judge.secrets)
    return Held(laws, max(runs // 4, 1), runs * (len(claims) - 1), judge.refusals.told)


_MEMBERS = ("name", "model", "capabilities", "encode", "decoder", "classify")


def _require_provider(provider: object) -> None:
    missing = [name for name in _MEMBERS if not hasattr(provider, name)]
    if missing or isinstance(provider, type):
        said = f", which has no {', '.join(missing)}" if missing else ""
        seen = f"the class {provider.__name__}" if isinstance(provider, type) else f"a {type(provider).__name__}"
        raise UsageError(f"check_provider() was given {seen}{said}; expected a Provider, made with a made-up key")


def _require_key(key: object) -> None:
    if key is not None and (not isinstance(key, str) or len(key) < SECRET_CHARS_MIN):
        seen = f"a str of {len(key)} characters" if isinstance(key, str) else f"a {type(key).__name__}"
        raise UsageError(f"check_provider(key=) is {seen}; expected the made-up key, of at least {SECRET_CHARS_MIN}")


def _judge_of(provider: Provider, write: Write | None, key: str | None) -> Judge:
    if write is not None:
        return Judge(provider, write, None, key)
    try:
        wire = wire_of(provider.name)
    except UsageError as error:
        raise UsageError(f"{error}; or give write=, which writes an answer as this provider's server would") from error
    return Judge(provider, partial(answer_bytes, provider.name), wire, key)


def _calls_of(judge: Judge) -> tuple[ToolCall, ...]:
    return SPOKEN.calls if takes_tools(judge.provider) else ()


def _again(judge: Judge) -> Answer:
    """An answer whose neighbouring deltas are equal: one character, wherever it is cut."""
    calls = (ToolCall("call_1", "look", {"at": "o" * AGAIN_CHARS}),) if takes_tools(judge.provider) else ()
    return Answer("again", "a" * AGAIN_CHARS, "m" * AGAIN_CHARS, calls)


AGAIN_CHARS = 200

_FIRST: tuple[tuple[str, Callable[[Judge], Iterator[Violation]]], ...] = (
    ("a plain request", Judge.typed),
    ("what it shows of itself", Judge.shown),  # every story below shows more of a provider than this one
    ("a conversation", lambda judge: conversation_faults(judge.provider)),
    ("a request for each thing that can be asked for, and for several", Judge.asked),
    ("two requests that mean different things", lambda judge: told_apart_faults(judge.provider, judge.refusals)),
    ("requests that are taken, and what it declares of them", lambda judge: claimed_faults(judge.provider)),
    ("a plain request, at two times", lambda judge: world_faults(judge.provider)),
    ("a plain request, and its continuations", lambda judge: form_faults(judge.provider)),
    ("a plain request, and what was said of its answer", lambda judge: judge.continued((REQUEST, SPOKEN.text))),
    ("an answer that the caller began, and what was said of it", lambda judge: judge.continued((_BEGUN, SPOKEN.text))),
    ("plain error responses", lambda judge: status_faults(judge.provider)),
    ("a short answer as servers also send it", Judge.streams),
    ("an answer of the same word again and again", lambda judge: judge.whole_answer(_again(judge))),
    ("an answer that its ceiling cut", Judge.ceiling),
    ("requests for answers that are not streamed", lambda judge: whole_request_faults(judge.provider)),
    ("a short answer in one piece", lambda judge: judge.in_one_piece(PLAIN)),
    ("an answer of everything in one piece", lambda judge: judge.in_one_piece(evolve(SPOKEN, calls=_calls_of(judge)))),
)
"""What is judged before anything is drawn, cheapest first: what the story says is given, and the claim."""


def _refute(judge: Judge, given: str, claim: Callable[[Judge], Iterator[Violation]]) -> None:
    for violation in _judged(judge, claim, judge):
        raise LawBroken(violation.law, _story(judge, given, violation))


def _judged(judge: Judge, claim: Callable[[Any], Iterator[Violation]], drawn: object) -> list[Violation]:
    found: list[Violation] = []
    try:
        found.extend(claim(drawn))
    except Exception as error:  # whatever the provider raises is the finding
        if any(secret in f"{error!r} {error}" for secret in judge.secrets):
            found.append(Violation(Law.NO_LEAKS, f"the key is shown in the {type(error).__name__} that it raised"))
        found.append(Violation(Law.ONE_END, f"it raised {type(error).__name__}: {error}"[:300]))
    return found


def _breaks(judge: Judge, claim: Callable[[Any], Iterator[Violation]], drawn: object) -> bool:
    return bool(_judged(judge, claim, drawn))


_Claim: TypeAlias = tuple[Any, Callable[[Any], Iterator[Violation]], int]


def _claims(judge: Judge, strategies: Any) -> list[_Claim]:
    """Pair what is drawn with what must hold of it; the last number divides `runs`."""
    from hypothesis import strategies as st

    calls_max = 2 if takes_tools(judge.provider) else 0
    answers = strategies.answers(calls_max=calls_max)
    bodies = answers.map(judge.write)
    any_bytes = bodies | strategies.mutated(bodies) | strategies.mutated(st.binary(max_size=200))
    place = st.integers(0, 2**16)
    return [
        (st.just(b"data: ") | st.just(b"") | st.just(b"event: x\n"), partial(flood_faults, judge.provider), 20),
        (answers, judge.whole_answer, 1),
        (answers, judge.in_one_piece, 4),
        (any_bytes, judge.any_bytes, 1),
        (strategies.chunked(any_bytes), judge.any_cut, 1),
        (st.tuples(answers, place), judge.cut_short, 1),
        (st.tuples(bodies, bodies), judge.two_at_once, 2),
        (strategies.requests(), judge.request, 1),
        (st.tuples(strategies.requests(with_tools=False, with_images=False), strategies.texts()), judge.continued, 1),
        (_error_responses(judge, st, strategies), judge.error_response, 1),
        (st.tuples(st.integers(2, 12), st.integers(0, calls_max), st.lists(place, max_size=3)), judge.whole_run, 4),
    ]


def _error_body(text: str) -> bytes:
    return json.dumps({"error": {"message": text, "code": text}, "message": text}).encode()


def _error_responses(judge: Judge, st: Any, strategies: Any) -> Any:
    echo = judge.secrets[0] if judge.secrets else "nothing"
    said = st.sampled_from((echo, f"bad key {echo}")) | strategies.texts()
    errors = said.map(_error_body)
    hint = st.sampled_from(("1", "-1", "nan", "1e999", "20 seconds", "\u0663", "Wed, 21 Oct 2015 07:28:00 GMT"))
    headers = st.dictionaries(st.sampled_from(("retry-after", "retry-after-ms", "content-type")), hint, max_size=2)
    return st.builds(ErrorResponse, st.integers(400, 599) | st.just(200), headers, errors | st.binary(max_size=60))


def _story(judge: Judge, found: object, violation: Violation) -> str:
    """Tell what was given and what is wrong, without the key."""
    provider = judge.provider
    parts = cast("tuple[object, ...]", found) if isinstance(found, tuple) else (found,)
    drawn = [f"given     {one if isinstance(one, str) else repr(one)}"[:1000] for one in parts]
    told = [f"provider  {type(provider).__name__}, {provider.name}/{provider.model}", *drawn]
    story = "\n".join([*told, f"BROKEN  {violation.law}: {violation.message}"]) + "\n"
    for secret in judge.secrets:
        story = story.replace(secret, "***")
    return story
