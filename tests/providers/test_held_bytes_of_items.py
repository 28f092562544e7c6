"""What the decoders of Responses and Gemini hold back counts in one sum, and what comes is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.events import ToolCallReady
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import CursorMoved
from tests.fuzz.costing import tracing
from tests.providers import gemini_samples as g
from tests.providers import openai_responses_samples as r
from tests.providers.fold import decode

SEARCH = "google_search_call"
LONG = "x" * 3000


def responses(*events: Any) -> tuple[Callable[[], Any], bytes]:
    return lambda: r.new_decoder(held_bytes_max=10_000), r.escaped(r.CREATED, *events)


def gemini(*chunks: Any) -> tuple[Callable[[], Any], bytes]:
    return lambda: g.new_decoder(held_bytes_max=10_000), g.sse(*chunks)


def interactions(*events: Any) -> tuple[Callable[[], Any], bytes]:
    return lambda: g.new_interactions_decoder(held_bytes_max=10_000), g.interactions_sse(g.created(), *events)


def four(make: Callable[[int], Any]) -> Iterable[Any]:
    return map(make, range(4))


HELD: dict[str, tuple[Callable[[], Any], bytes]] = {
    "responses: ids of items": responses(*four(lambda n: r.added(n, id=f"{n}{LONG}"))),
    "responses: kinds of items": responses(*four(lambda n: r.added(n, f"{n}{LONG}"))),
    "responses: ids of calls": responses(*four(lambda n: r.call_added(n, f"{n}{LONG}"))),
    "responses: names of calls": responses(*four(lambda n: r.call_added(n, f"{n}", LONG))),
    "responses: tools that run": responses(*four(lambda n: r.added(n, "shell_call", call_id=f"{n}{LONG}"))),
    "responses: arguments before a name": responses(*four(lambda n: r.args(n, LONG))),
    "responses: whole arguments before a name": responses(*four(lambda n: r.args_done(n, LONG))),
    "responses: parts": responses(*(r.text(0, "a", content_index=n) for n in range(100))),
    "gemini: ids of calls": gemini(*four(lambda n: g.chunk(g.call(id=f"{n}{LONG}")))),
    "gemini: ids that are made up": gemini(*four(lambda n: g.chunk(g.call(), responseId=LONG))),
    "gemini: keys": gemini(
        g.chunk(g.call(willContinue=True)),
        *four(lambda n: g.chunk(g.call(None, partialArgs=[g.piece(f"$.{n}{LONG}", 0)], willContinue=True))),
    ),
    "interactions: starts of steps": interactions(*four(lambda n: g.start(n, SEARCH, x=LONG))),
    "interactions: starts of calls": interactions(
        *four(lambda n: g.start(n, "function_call", id=f"{n}", name="f", arguments={"a": LONG}))
    ),
    "interactions: ids of calls": interactions(*four(lambda n: g.start(n, "function_call", id=f"{n}{LONG}", name="f"))),
    "interactions: kept deltas": interactions(g.start(0, SEARCH), *four(lambda n: g.delta(0, SEARCH, x=LONG))),
    "interactions: kept keys": interactions(
        g.start(0, SEARCH), *(g.delta(0, SEARCH, arguments={f"k{n}": 0}) for n in range(100))
    ),
    "interactions: arguments of a tool": interactions(
        g.start(0, SEARCH), *four(lambda n: g.delta(0, "arguments_delta", arguments=LONG))
    ),
    "interactions: values": interactions(g.start(0, SEARCH, x=[[]] * 100)),
}


@pytest.mark.parametrize("name", HELD)
def test_whatever_is_held_back_counts_in_one_sum(name: str) -> None:
    make, body = HELD[name]
    decoder = make()
    decode(decoder, [body])
    assert "held_bytes_max" in str(decoder.defect)


RELEASED: dict[str, tuple[Callable[[], Any], bytes]] = {
    "responses: parts of items that ended": responses(
        *(e for n in range(20) for e in (*(r.text(n, "a", content_index=p) for p in range(9)), r.message_done(n)))
    ),
    "responses: arguments, once there is a name": responses(
        *(e for n in range(9) for e in (r.args(n, LONG), r.call_added(n, f"c{n}"), r.call_done(n, "", f"c{n}")))
    ),
    "responses: tools that ended": responses(
        *(
            e
            for n in range(9)
            for e in (
                r.added(2 * n, "shell_call", call_id=LONG[:500]),
                r.done(2 * n + 1, "shell_call_output", call_id=LONG[:500]),
            )
        )
    ),
    "gemini: keys of a call that ended": gemini(
        *(
            g.chunk(g.call(willContinue=True), g.call(None, partialArgs=[g.piece(f"$.{LONG}", 0)]))
            for _ in range(9)
        )
    ),
    "interactions: steps that ended": interactions(
        *(e for n in range(9) for e in (g.start(n, SEARCH, x=LONG), g.delta(n, SEARCH, y=LONG), g.stop(n)))
    ),
    "interactions: thoughts, messages and what we said": interactions(
        *(g.start(n, kind, x=LONG) for n, kind in enumerate(["thought", "model_output", "user_input"] * 4))
    ),
    "interactions: arguments of a call that are said anew": interactions(
        *(
            e
            for n in range(9)
            for e in (
                g.start(n, "function_call", id=f"{n}", name="f", arguments={"a": LONG}),
                g.delta(n, "arguments_delta", arguments="{"),
            )
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RELEASED)
def test_what_is_held_no_longer_does_not_count(name: str) -> None:
    make, body = RELEASED[name]
    decoder = make()
    decode(decoder, [body])
    assert "held_bytes_max" not in str(decoder.defect)


NAMES: dict[str, tuple[Callable[[], Any], bytes]] = {
    name: make(event)
    for name, make, event in [
        ("responses: the response", responses, r.lifecycle(id="x" * 5000)),
        ("responses: an item", responses, r.added(0, id="x" * 5000)),
        ("responses: a kind", responses, r.added(0, "x" * 5000)),
        ("responses: a call", responses, r.call_added(0, "x" * 5000)),
        ("responses: a name", responses, r.call_added(0, "c", "x" * 5000)),
        ("gemini: the response", gemini, g.chunk(g.text("a"), responseId="x" * 5000)),
        ("gemini: the model", gemini, g.chunk(g.text("a"), modelVersion="x" * 5000)),
        ("gemini: a call", gemini, g.chunk(g.call(id="x" * 5000))),
        ("gemini: a name", gemini, g.chunk(g.call("x" * 5000))),
        ("interactions: a step", interactions, g.start(0, SEARCH, id="x" * 5000)),
        ("interactions: a kind", interactions, g.start(0, "x" * 5000)),
        ("interactions: a name", interactions, g.start(0, "function_call", id="c", name="x" * 5000)),
    ]
}


@pytest.mark.parametrize("name", NAMES)
def test_an_id_or_a_name_has_a_bound_of_its_own(name: str) -> None:
    make, body = NAMES[name]
    decoder = make()
    if name == "responses: the response":
        decoder, body = r.new_decoder(), r.escaped(r.lifecycle(id="x" * 5000))
    decode(decoder, [body])
    assert decoder.defect == "seen an id or a name of 5000 characters; expected at most 4096"


def test_a_step_or_a_chunk_holds_no_more_contents_than_an_answer_has_blocks() -> None:
    contents = [{"type": "text", "text": "a"}] * 4
    for decoder, body in (
        (g.new_decoder(blocks_max=3), g.sse(g.chunk(*[g.text("a")] * 4))),
        (g.new_interactions_decoder(blocks_max=3), g.interactions_sse(g.created(), g.start(0, content=contents))),
    ):
        decode(decoder, [body])
        assert "blocks_max" in decoder.defect


# -- pieces are no blocks ---------------------------------------------------------------------------------------------

PIECES = 5000


def released(decoder: Any, body: bytes) -> list[Any]:
    accumulator = Accumulator()
    given = [accumulator.fold(event) for event in decode(decoder, [body])]
    assert (decoder.defect, accumulator.defect) == (None, None)
    return [event.call for event in given if isinstance(event, ToolCallReady)]


def test_a_gemini_call_may_come_in_any_number_of_pieces() -> None:
    more = g.chunk(g.call(None, partialArgs=[g.piece("$.a", "x", willContinue=True)], willContinue=True))
    body = g.sse(g.chunk(g.call(willContinue=True)), *[more] * PIECES, g.chunk(g.call(None), finish="STOP"))
    [call] = released(g.new_decoder(), body)
    assert call.arguments == {"a": "x" * PIECES}


def test_an_interaction_s_call_may_come_in_any_number_of_pieces() -> None:
    pieces = ['{"a":"', *"x" * PIECES, '"}']
    called = [
        g.start(0, "function_call", id="c", name="f"),
        *(g.delta(0, "arguments_delta", arguments=p) for p in pieces),
    ]
    [call] = released(g.new_interactions_decoder(), g.interactions_sse(g.created(), *called, g.stop(0), g.completed()))
    assert call.arguments == {"a": "x" * PIECES}


def test_the_parts_of_a_response_are_counted_and_not_their_pieces() -> None:
    summaries = [r.summary(0, "x", part) for part in (0, 1) for _ in range(PIECES)]
    texts = [r.text(1, "x", content_index=part) for part in (0, 1) for _ in range(PIECES)]
    decoder = r.new_decoder()
    decode(decoder, [r.escaped(r.CREATED, r.added(0, "reasoning"), *summaries, r.added(1), *texts, r.COMPLETED)])
    assert (decoder.defect, decoder.is_complete) == (None, True)


# -- cursors ----------------------------------------------------------------------------------------------------------


def cursors(decoder: Any, body: bytes) -> list[str | None]:
    return [event.cursor for event in decode(decoder, [body]) if isinstance(event, CursorMoved)]


ASIDE = r.numbered(r.lifecycle(background=True), r.added(0), r.text(0, "a"))
STORED = g.interactions_sse(*g.numbered([g.created(), g.start(0), g.said(0, "a")]))


def test_there_is_no_cursor_where_none_is_to_be() -> None:
    assert cursors(r.new_decoder(cursor_bytes_max=0), r.escaped(*ASIDE)) == []
    assert cursors(g.new_interactions_decoder(cursor_bytes_max=0), STORED) == []


@pytest.mark.parametrize("open_items", [9, 500])
def test_a_cursor_does_not_carry_many_open_items(open_items: int) -> None:
    made = [r.lifecycle(background=True), *(r.added(n) for n in range(open_items))]
    *_, last = cursors(r.new_decoder(), r.escaped(*r.numbered(*made)))
    assert last is None
    steps = [g.created(), *(g.start(n, "thought") for n in range(open_items))]
    *_, last = cursors(g.new_interactions_decoder(), g.interactions_sse(*g.numbered(steps)))
    assert last is None


def test_a_cursor_is_taken_back_while_it_would_be_too_long() -> None:
    arguments = {"a": "x" * 9000}
    called = [g.created(), g.start(0, "function_call", id="c", name="f", arguments=arguments), g.stop(0), g.start(1)]
    moved = cursors(g.new_interactions_decoder(), g.interactions_sse(*g.numbered(called)))
    assert [cursor is None for cursor in moved] == [False, True, False, False]
    named = [
        r.lifecycle(background=True),
        *(r.added(n, id=f"{n}" * 3000) for n in range(4)),
        *map(r.message_done, range(4)),
    ]
    moved = cursors(r.new_decoder(), r.escaped(*r.numbered(*named)))
    assert [cursor is None for cursor in moved] == [False, False, False, True, False, False, False]
    assert all(len(cursor) <= Limits().cursor_bytes_max for cursor in moved if cursor is not None)


# -- work -------------------------------------------------------------------------------------------------------------


WORK: dict[str, tuple[Callable[[], Any], Callable[[int], bytes]]] = {
    "responses: open items in the background": (
        r.new_decoder,
        lambda n: r.escaped(*r.numbered(r.lifecycle(background=True), *(r.added(at) for at in range(n)))),
    ),
    "responses: an end that repeats everything": (
        r.new_decoder,
        lambda n: r.escaped(
            r.CREATED, *(r.message_done(at, "x") for at in range(n)),
            r.ended(output=[r.message_done(at, "x")["item"] for at in range(n)]),
        ),
    ),
    "responses: arguments before a name": (
        r.new_decoder, lambda n: r.escaped(r.CREATED, *[r.args(0, "x")] * n, r.call_added(0), r.call_done(0, "x" * n))
    ),
    "gemini: parts of a chunk": (g.new_decoder, lambda n: g.sse(g.chunk(*[g.text("a")] * n))),
    "gemini: keys of a call": (
        g.new_decoder,
        lambda n: g.sse(
            g.chunk(g.call(willContinue=True)),
            *(g.chunk(g.call(None, partialArgs=[g.piece(f"$.k{at}", 0)], willContinue=True)) for at in range(n)),
        ),
    ),
    "interactions: open steps": (
        g.new_interactions_decoder,
        lambda n: g.interactions_sse(*g.numbered([g.created(), *(g.start(at, "thought") for at in range(n))])),
    ),
    "interactions: open steps that are kept": (
        g.new_interactions_decoder,
        lambda n: g.interactions_sse(*g.numbered([g.created(), *(g.start(at, SEARCH) for at in range(n))])),
    ),
    "interactions: a list that grows": (
        g.new_interactions_decoder,
        lambda n: g.interactions_sse(g.created(), g.start(0, SEARCH), *[g.delta(0, SEARCH, result=[0] * 100)] * n),
    ),
    "interactions: keys that grow": (
        g.new_interactions_decoder,
        lambda n: g.interactions_sse(
            g.created(),
            g.start(0, SEARCH),
            *(g.delta(0, SEARCH, result=dict.fromkeys((f"k{at}/{key}" for key in range(20)), 0)) for at in range(n)),
        ),
    ),
}  # fmt: skip


def work_of(make: Callable[[], Any], body: bytes) -> int:
    """Lines run, and bytes allocated inside of each, sixteen to a line."""
    decoder = make()
    with tracing() as counts:
        counts.run(decoder.feed, body)
    return counts.lines + counts.allocated_bytes // 16


@pytest.mark.parametrize("name", WORK)
def test_twice_as_much_is_twice_the_work(name: str) -> None:
    make, body_of = WORK[name]
    some, more, most = (work_of(make, body_of(n)) for n in (50, 100, 200))
    assert most - more < 2.6 * (more - some)
