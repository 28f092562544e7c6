"""How a fault is spelled, and which one a request is drawn: no sockets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.bench.chaos.draws import RULES_MAX, Draws
from riverrun.engine.bench.chaos.spelling import BY_STATUS, KINDS, Place, Rule, Unit, parse_rule
from riverrun.engine.cli.chaos import options
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.testing.script.faults import SERVED, SERVER_WORDS, FaultKind

READ = {
    "stall@120tok:30s": (FaultKind.PAUSE, Place(120, Unit.TOKENS, "120tok"), 30.0, 1.0, None),
    "stall": (FaultKind.STALL, Place(10, Unit.EVENTS, "10ev"), None, 1.0, None),
    "reset@3kb": (FaultKind.RESET, Place(3000, Unit.BYTES, "3kb"), None, 1.0, None),
    "reset@1.5mb%12.5": (FaultKind.RESET, Place(1_500_000, Unit.BYTES, "1.5mb"), None, 0.125, None),
    "slow@0:250ms": (FaultKind.DRIP, Place(0, Unit.EVENTS, "0"), 0.25, 1.0, None),
    "drip": (FaultKind.DRIP, Place(0, Unit.EVENTS, "0"), 0.01, 1.0, None),
    "half-close@50%": (FaultKind.HALF_CLOSE, Place(50, Unit.SHARE, "50%"), None, 1.0, None),
    "half-close@50%%25": (FaultKind.HALF_CLOSE, Place(50, Unit.SHARE, "50%"), None, 0.25, None),
    "HALF_CLOSE@end#3": (FaultKind.HALF_CLOSE, Place(0, Unit.END, "end"), None, 1.0, 3),
    "pings@10ev": (FaultKind.PINGS_ONLY, Place(10, Unit.EVENTS, "10ev"), 1.0, 1.0, None),
    "429:5s": (FaultKind.HTTP_ERROR, None, 5.0, 1.0, None),
    "slow-headers:2m%50#1": (FaultKind.SLOW_HEADERS, None, 120.0, 0.5, 1),
}


@pytest.mark.parametrize("spelled", READ)
def test_a_fault_is_read_as_it_is_spelled(spelled: str) -> None:
    rule = parse_rule(spelled)
    assert (rule.fault.kind, rule.place, rule.seconds, rule.odds, rule.times) == READ[spelled]


@pytest.mark.parametrize(
    ("spelled", "status"),
    [
        ("error@2ev:529", 529),
        ("error", 500),
        ("overloaded", 529),
        ("503", 503),
        ("status:418", 418),
        ("html-error", 503),
    ],
)
def test_a_status_is_read(spelled: str, status: int) -> None:
    assert parse_rule(spelled).fault.status == status


REFUSED = {
    "": "can not be read",
    "stall@": "has the place ''; expected a number and tok",
    "nope": "names no kind 'nope'; expected a status from 400 to 599, or one of reset",
    "200": "names no kind '200'",
    "stall@12foo": "has the place '12foo'",
    "stall@50%25": "has the place '50'; expected a number and tok, ev, b, kb, mb or %",
    "stall@1.5ev": "expected a whole number of ev",
    "half-close@120%": "at most 100%",
    "error@3kb": "expected tok, ev or end: what error says stands between two events, as in error@2ev",
    "429@3kb": "has the place '3kb'; expected none: 429 strikes before there is a body",
    "stall:30": "has the time '30'; expected a number and ms, s or m",
    "stall:90000s": "a day at most",
    "error:200": "has the status '200'; expected one from 400 to 599",
    "reset:5s": "has the argument '5s'; expected none: reset takes none",
    "slow-headers": "has no time; expected one, as in slow-headers:5s",
    "reset%0": "has the odds '0'; expected a percentage above 0",
    "reset%101": "at most 100",
    "reset%nan": "has the odds 'nan'",
    "reset#0": "is to be played '0' times",
    "reset\nx": "can not be read",
    "reset" * 40: "can not be read",
}


@pytest.mark.parametrize("spelled", REFUSED)
def test_what_is_none_says_what_was_seen_and_what_was_expected(spelled: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rule(spelled)
    assert REFUSED[spelled] in str(caught.value)
    assert "; expected " in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.argument == "fault"


@given(st.text(max_size=90) | st.from_regex(r"[a-z-]{3,8}@[0-9a-z%]{0,5}:[0-9a-z]{0,4}%[0-9]{0,3}#[0-9]{0,2}"))
def test_whatever_is_typed_is_a_rule_or_a_usage_error(spelled: str) -> None:
    try:
        rule = parse_rule(spelled)
    except UsageError:
        return
    assert parse_rule(str(rule)) == rule


def test_every_word_of_the_kits_server_is_one_here() -> None:
    words = {kind: SERVER_WORDS.get(kind, kind.value.removesuffix("_only").replace("_", "-")) for kind in SERVED}
    played = {kind.fault.kind for kind in KINDS.values()} | {FaultKind.PAUSE}
    beyond = {FaultKind.DUPLICATE, FaultKind.ERROR_AFTER_TERMINAL, FaultKind.EMPTY}  # `reset@end` is the second of them
    assert SERVED - played == beyond
    assert {word for kind, word in words.items() if kind not in {*beyond, FaultKind.PAUSE}} <= KINDS.keys()


def test_the_command_line_lists_every_kind() -> None:
    assert list(KINDS) == list(options.KINDS)
    assert all(kind.does for kind in (*KINDS.values(), BY_STATUS))


# -- draws ------------------------------------------------------------------------------------------------------------


def draws(*spelled: str, seed: int = 7, has_upstream: bool = False) -> Draws:
    return Draws(spelled, seed=seed, has_upstream=has_upstream)


def drawn(source: Draws, count: int, *, is_prefix: bool = False) -> list[str]:
    return [str(source.draw(is_prefix=is_prefix) or "") for _ in range(count)]


def test_the_same_seed_and_order_draw_the_same_faults() -> None:
    rules = ("reset@3kb%25", "429:5s%10", "stall%5")
    first = drawn(draws(*rules), 400)
    assert first == drawn(draws(*rules), 400)
    assert first != drawn(draws(*rules, seed=8), 400)
    assert 70 <= first.count("reset@3kb%25") <= 130
    assert 15 <= first.count("429:5s%10") <= 50


def test_times_run_out_and_the_next_rule_has_its_turn() -> None:
    assert drawn(draws("429:0s#2", "reset#1"), 4) == ["429:0s#2", "429:0s#2", "reset#1", ""]


def test_a_rule_that_comes_later_changes_nothing_for_those_before_it() -> None:
    both, one = draws("reset%30"), draws("reset%30")
    both.add(["stall%30"])
    pairs = list(zip(drawn(both, 200), drawn(one, 200), strict=True))
    assert all(now == before for now, before in pairs if before)


def test_prefills_are_refused_to_those_that_hold_one_and_take_no_turn() -> None:
    source = draws("reset#1", "refuse-prefill")
    assert drawn(source, 1, is_prefix=True) == ["refuse-prefill"]
    assert drawn(source, 2) == ["reset#1", ""]
    assert drawn(source, 1, is_prefix=True) == ["refuse-prefill"]


def test_a_rule_that_could_never_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match="stall' is never drawn: reset before it is played for every request"):
        draws("reset", "stall")
    source = draws("reset")
    with pytest.raises(UsageError, match="never drawn"):
        source.add(["stall"])
    assert [str(each.rule) for each in source.standing] == ["reset"]


def test_a_share_of_an_upstreams_stream_is_refused() -> None:
    draws("half-close@50%")
    with pytest.raises(UsageError, match="is at a share of a stream that tells its length only by its end"):
        draws("half-close@50%", has_upstream=True)


def test_rules_are_bounded_removed_and_begun_anew() -> None:
    source = draws("reset#1", "429#1")
    with pytest.raises(UsageError, match="65 faults would stand; expected at most 64"):
        source.replace(["reset%1"] * (RULES_MAX + 1))
    source.remove(0)
    assert drawn(source, 2) == ["429#1", ""]
    with pytest.raises(UsageError, match="there is no fault 5; expected one of the 1 that stand"):
        source.remove(5)
    source.restart()
    assert drawn(source, 3) == ["reset#1", "429#1", ""]


def test_a_rule_shows_its_spelling() -> None:
    assert str(Rule("reset", KINDS["reset"].fault, spelled="reset@3kb")) == "reset@3kb"
