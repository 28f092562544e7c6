"""The seam: nothing is said twice, nothing is lost, and what it can not know is stated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any, SupportsIndex

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from riverrun.engine.core import seam
from riverrun.engine.core.result import SeamVerdict
from riverrun.engine.core.seam import (
    HOLD_CHARS_MAX,
    OVERLAP_CHARS_MIN,
    OVERLAP_DISTINCT_MIN,
    RESTART_CHARS_MIN,
    WINDOW_CHARS,
    Aligner,
)
from riverrun.engine.core.usage_error import UsageError

CLEAN, ECHO, OVERLAP = SeamVerdict.CLEAN, SeamVerdict.ECHO, SeamVerdict.OVERLAP
RESTART, UNSURE, WHITESPACE = SeamVerdict.RESTART, SeamVerdict.UNSURE, SeamVerdict.WHITESPACE

CLUSTERS = ["👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇩🇪🇫🇷", "e\u0301\u0323", "Z\u0351\u036b\u0343", "\ud800"]
SCRIPTS = ["한국어", "漢字かな交じり文。", "שלום עולם", "\u202eabc\u202c", "ﷺ", "\\u0041", "\x00", "0123456789"]
SPACES = ["\u2028", "\u200b", "\ufeff", "\r\n", "\n\n", " ", "\t"]
MARKUP = ["```python\n", "    return None\n", "```\n", "| a | b |\n|---|---|\n", "-" * 16, "<tail>", "**bold**"]
ODD_TEXTS = [*CLUSTERS, *SCRIPTS, *SPACES, *MARKUP]
PHRASES = ["abcdefgh", "abcdefghabcdefgh", "ijklmnopqrstuvwx", "--------", "ab", "q", " \n"]

texts = st.lists(st.sampled_from(ODD_TEXTS) | st.text(max_size=6), max_size=25).map("".join)
self_similar = st.lists(st.sampled_from(PHRASES), max_size=14).map("".join)
chunkings = st.lists(st.integers(1, 40), max_size=6)
EACH_CHAR = [1]


def chunks(text: str, sizes: list[int]) -> Iterator[str]:
    """Cut `text` into pieces of these sizes, over and over; no sizes: one piece."""
    start = 0
    for size in cycle(sizes or [max(1, len(text))]):
        if start >= len(text):
            return
        yield text[start : start + size]
        start += size


def align(
    said: str, reply: str, sizes: list[int], *, searches: bool = True, trimmed: str = "", echoes: bool = False
) -> tuple[SeamVerdict | None, str]:
    """Feed a whole reply; what was new of it, and the verdict. Holds the aligner to its bounds at every step."""
    aligner = Aligner(said, searches=searches, trimmed=trimmed, echoes=echoes)
    shown: list[str] = []
    for text in chunks(reply, sizes):
        before = aligner.verdict
        shown.append(aligner.feed(text))
        assert before is None or (aligner.verdict, shown[-1]) == (before, text), "a verdict is for good"
        assert aligner.verdict is not None or not shown[-1], "nothing is shown before the verdict"
        assert aligner.held_chars <= seam.HOLD_CHARS_MAX
    shown.append(aligner.finish())
    assert aligner.held_chars == 0
    return aligner.verdict, "".join(shown)


def is_evidence(text: str) -> bool:
    return len(text) >= seam.OVERLAP_CHARS_MIN and len(set(text)) >= seam.OVERLAP_DISTINCT_MIN


def overlap_chars(said: str, reply: str) -> int:
    lengths = range(min(len(said), seam.WINDOW_CHARS), 0, -1)
    return next((k for k in lengths if reply.startswith(said[-k:]) and is_evidence(said[-k:])), 0)


def common(one: str, other: str) -> str:
    return next(one[:n] for n in range(len(one), -1, -1) if other.startswith(one[:n]))


def opening_chars(said: str, reply: str) -> int:
    opening = common(said, reply)
    return len(opening) if is_evidence(opening[: seam.WINDOW_CHARS]) else 0


def rule(said: str, reply: str) -> tuple[SeamVerdict, str]:
    """The table of the module's docstring, word for word, on whole texts."""
    overlap, opening = overlap_chars(said, reply), opening_chars(said, reply)
    if reply.startswith(said) and is_evidence(said[: seam.WINDOW_CHARS]):
        return ECHO, reply[len(said) :]
    if opening >= seam.RESTART_CHARS_MIN and opening > overlap:
        return (RESTART, reply) if len(reply) > opening else (ECHO, "")
    if overlap:
        return OVERLAP, reply[overlap:]
    return (UNSURE if opening else CLEAN), reply


def rule_trimmed(said: str, reply: str, trimmed: str) -> tuple[SeamVerdict, str]:
    """The same, and its paragraph about white space."""
    verdict, new = rule(said.removesuffix(trimmed), reply)
    if verdict is RESTART:
        return verdict, new
    repeated = common(trimmed, new)
    return (WHITESPACE if verdict is CLEAN and repeated != trimmed else verdict), new[len(repeated) :]


def words(count: int) -> str:
    """Text in which sixteen characters occur at one place only."""
    return "".join(f"word{number} " for number in range(count))


# --- The contract says that the reply is the continuation: nothing is searched.


@given(texts, texts, chunkings)
def test_without_a_search_any_reply_is_kept_whole_however_it_begins(said: str, reply: str, sizes: list[int]) -> None:
    for text in (reply, said, said[len(said) // 2 :] + reply, said[: len(said) // 2], said + said + reply):
        assert align(said, text, sizes, searches=False) == (CLEAN, text)


@given(texts, st.text(" \n\t", max_size=5), texts, chunkings)
@example("def f():\n", "    ", "return 1\n", EACH_CHAR)
def test_white_space_the_request_left_off_is_neither_lost_nor_said_twice(
    head: str, space: str, tail: str, sizes: list[int]
) -> None:
    said = head + space
    trimmed = said[len(said.rstrip()) :]
    assert align(said, trimmed + tail, sizes, searches=False, trimmed=trimmed) == (CLEAN, tail)


@pytest.mark.parametrize(
    ("trimmed", "reply", "verdict", "new"),
    [
        (" ", "next", WHITESPACE, "next"),
        ("\n\n", "\nnext", WHITESPACE, "next"),
        ("\n\n", "\n next", WHITESPACE, " next"),
        ("\n", "\n\nnext", CLEAN, "\nnext"),
        ("  ", "    indented", CLEAN, "  indented"),
        ("\n\n", "\n\n", CLEAN, ""),
        ("\n\n", "\n", WHITESPACE, ""),
        ("\n\n", "", WHITESPACE, ""),
        ("", "", CLEAN, ""),
    ],
)
@pytest.mark.parametrize("searches", [False, True])
@pytest.mark.parametrize("sizes", [EACH_CHAR, []])
def test_where_the_white_space_differs_what_was_shown_stays(
    trimmed: str, reply: str, verdict: SeamVerdict, new: str, searches: bool, sizes: list[int]
) -> None:
    assert align(f"It was said.{trimmed}", reply, sizes, searches=searches, trimmed=trimmed) == (verdict, new)


def test_trimmed_white_space_must_have_been_said() -> None:
    with pytest.raises(UsageError, match="the 1 trimmed characters are not the end of the 4 that were said"):
        Aligner("said", searches=False, trimmed="\n")


# --- The search does what its rule says.


@given(texts | self_similar, texts | self_similar, st.integers(0, 99), st.integers(0, 99), chunkings)
def test_the_search_follows_its_rule_on_any_text_also_where_it_repeats_itself(
    said: str, tail: str, start: int, end: int, sizes: list[int]
) -> None:
    for reply in (tail, said[start:] + tail, said[:end] + tail, said[start:end] + tail):
        assert align(said, reply, sizes) == align(said, reply, EACH_CHAR) == rule(said, reply)


@given(self_similar, st.text(" \n", min_size=1, max_size=3), self_similar, st.integers(0, 60), chunkings)
def test_the_search_looks_past_trimmed_white_space(
    head: str, trimmed: str, tail: str, start: int, sizes: list[int]
) -> None:
    said = head + trimmed
    for reply in (trimmed + tail, said[start:] + tail, head[start:] + tail, head[start:] + "\n" + tail):
        assert align(said, reply, sizes, trimmed=trimmed) == rule_trimmed(said, reply, trimmed)


# (least overlap, least distinct, least restart, window)
SMALL_WORLDS = [(2, 2, 3, 4), (1, 1, 2, 3), (2, 1, 4, 5), (3, 2, 3, 3), (2, 2, 2, 2)]


@pytest.mark.parametrize("world", SMALL_WORLDS)
def test_in_a_small_world_the_rule_holds_for_every_text_and_reply(
    world: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("OVERLAP_CHARS_MIN", "OVERLAP_DISTINCT_MIN", "RESTART_CHARS_MIN", "WINDOW_CHARS")
    for name, value in zip((*names, "HOLD_CHARS_MAX"), (*world, world[-1]), strict=True):
        monkeypatch.setattr(seam, name, value)
    every_text = ["".join(chars) for length in range(7) for chars in product("ab", repeat=length)]
    for said, reply in product(every_text, every_text):
        trimmed = said[-1:] if len(reply) % 2 else ""
        expected = rule_trimmed(said, reply, trimmed)
        assert align(said, reply, EACH_CHAR, trimmed=trimmed) == expected, (said, reply, trimmed)
        assert align(said, reply, [2, 3], trimmed=trimmed) == expected, (said, reply, trimmed)


# --- The contract says that the reply begins with all that was said: no evidence is asked for.


def echo_rule(said: str, reply: str, trimmed: str = "") -> tuple[SeamVerdict, str]:
    """The table of echoes by contract, word for word, on whole texts."""
    told = said.removesuffix(trimmed)
    core = told.strip()
    expected = told.rstrip() if reply[:1] == told[:1] else core
    if core and reply.startswith(expected):
        new = reply[len(expected) :]
        return ECHO, new[len(common(said[len(said.rstrip()) :], new)) :]
    if core and reply and expected.startswith(reply):
        return ECHO, ""
    starts = said if reply[:1] == told[:1] else said[len(told) - len(told.lstrip()) :]
    return rule_trimmed(starts, reply, trimmed)


def echo(said: str, reply: str, sizes: list[int], trimmed: str = "") -> tuple[SeamVerdict | None, str]:
    return align(said, reply, sizes, trimmed=trimmed, echoes=True)


GREETING = "Hello! How can the river help you today?\n\n1. It runs."


@pytest.mark.parametrize("cut", range(1, len(GREETING)))
def test_an_echo_by_contract_is_dropped_whatever_its_length(cut: int) -> None:
    said, rest = GREETING[:cut], GREETING[cut:]
    assert echo(said, GREETING, EACH_CHAR) == echo(said, GREETING, []) == echo(said, GREETING, [7]) == (ECHO, rest)


@pytest.mark.parametrize("cut", range(2, len(GREETING)))
def test_a_reply_that_ends_inside_its_echo_adds_nothing(cut: int) -> None:
    assert echo(GREETING[:cut], GREETING[: cut - 1], EACH_CHAR) == (ECHO, "")


@pytest.mark.parametrize("cut", range(1, len(GREETING)))
def test_a_reply_that_differs_from_its_echo_at_once_goes_on(cut: int) -> None:
    assert echo(GREETING[:cut], "≠ and on", EACH_CHAR) == (CLEAN, "≠ and on")


@pytest.mark.parametrize(
    ("said", "reply", "new"),
    [
        ("Hello\n\n", "Hello world", " world"),
        ("Hello\n\n", "Hello\n\nworld", "world"),
        ("Hello\n\n", "Hello\nworld", "world"),
        ("Hello ", "Hello", ""),
        ("\n\nHello", "Hello world", " world"),
        (" Hello ", "Hello world", "world"),
    ],
)
def test_an_echo_may_lack_the_white_space_at_its_ends_and_what_was_shown_stays(said: str, reply: str, new: str) -> None:
    assert echo(said, reply, EACH_CHAR) == echo(said, reply, []) == (ECHO, new)


@pytest.mark.parametrize("lead", ["", "\n\n"])
def test_a_model_that_starts_over_where_its_echo_was_due_is_a_restart(lead: str) -> None:
    assert echo(lead + SAID, SAID[:60] + "≠", EACH_CHAR) == (RESTART, SAID[:60] + "≠")


@given(texts | self_similar, texts | self_similar, st.integers(0, 99), st.integers(0, 99), chunkings)
def test_what_is_no_echo_joins_as_its_evidence_says(
    said: str, tail: str, start: int, end: int, sizes: list[int]
) -> None:
    for reply in (tail, said + tail, said.strip() + tail, said[start:] + tail, said[:end] + tail, said[:end]):
        assert echo(said, reply, sizes) == echo(said, reply, EACH_CHAR) == echo_rule(said, reply)


@given(self_similar, st.text(" \n", max_size=3), self_similar, st.integers(0, 60), chunkings)
def test_an_echo_is_looked_for_without_the_white_space_that_the_request_left_off(
    head: str, space: str, tail: str, start: int, sizes: list[int]
) -> None:
    said = head + space
    trimmed = said[len(said.rstrip()) :]
    for reply in (trimmed + tail, said + tail, head.rstrip() + tail, head[start:] + "\n" + tail):
        assert echo(said, reply, sizes, trimmed) == echo_rule(said, reply, trimmed)


# --- What follows from the rule, each promise by name.


@given(texts, texts, chunkings)
def test_a_full_echo_with_evidence_is_always_joined_exactly(head: str, tail: str, sizes: list[int]) -> None:
    said = f"{head}The river runs on"
    assert align(said, said + tail, sizes) == (ECHO, tail)


@given(st.integers(16, 3000), st.integers(OVERLAP_CHARS_MIN, WINDOW_CHARS), chunkings)
def test_an_overlap_is_joined_exactly_wherever_the_text_was_cut(cut: int, overlap: int, sizes: list[int]) -> None:
    original = words(400)
    reply = original[max(0, cut - overlap) :]
    assert align(original[:cut], reply, sizes) == (OVERLAP if overlap < cut else ECHO, original[cut:])


@given(texts, texts, texts, chunkings)
def test_an_overlap_of_any_text_is_joined_exactly_unless_the_reply_matches_longer(
    head: str, repeated: str, tail: str, sizes: list[int]
) -> None:
    overlap = f"The river runs on {repeated}"
    said, reply = head + overlap, overlap + tail
    assume(overlap_chars(said, reply) == len(overlap))
    assume(opening_chars(said, reply) < max(RESTART_CHARS_MIN, len(overlap) + 1))
    assert align(said, reply, sizes) == (OVERLAP if head else ECHO, tail)


@given(texts | self_similar, texts | self_similar, chunkings)
def test_a_clean_reply_that_begins_like_neither_end_loses_nothing(said: str, reply: str, sizes: list[int]) -> None:
    assume(not overlap_chars(said, reply) and opening_chars(said, reply) < RESTART_CHARS_MIN)
    verdict, new = align(said, reply, sizes)
    assert new == reply
    assert verdict in (CLEAN, UNSURE)


@given(st.integers(RESTART_CHARS_MIN, 2999), texts, chunkings)
def test_an_answer_begun_anew_is_returned_whole_with_its_verdict(common: int, tail: str, sizes: list[int]) -> None:
    said = words(400)[:3000]
    reply = said[:common] + "≠" + tail
    aligner = Aligner(said, searches=True)
    shown = [(aligner.feed(text), aligner.verdict) for text in chunks(reply, sizes)]
    assert "".join(new for new, _ in shown) == reply
    assert all(not new for new, verdict in shown if verdict is None)
    assert aligner.verdict is RESTART


SAID = words(99)
RIVER = "The river runs, the river runs, and nothing stops it.\n"
EXAMPLES = {
    "a beginning too short for a restart is kept": (SAID, SAID[: RESTART_CHARS_MIN - 1] + "≠", UNSURE, SAID[:31] + "≠"),
    "a beginning that is no evidence is nothing": (SAID, SAID[: OVERLAP_CHARS_MIN - 1] + "≠", CLEAN, SAID[:15] + "≠"),
    "a reply that only repeats the beginning adds nothing": (SAID, SAID[:300], ECHO, ""),
    "a reply that ends inside the tail is kept": (SAID, SAID[-60:-20], CLEAN, SAID[-60:-20]),
    "the longest overlap wins": ("A song:\n" + RIVER + RIVER, RIVER + RIVER + "Then", OVERLAP, "Then"),
    "an overlap that is also the beginning is an overlap": (RIVER + SAID + RIVER, RIVER + "Then", OVERLAP, "Then"),
    "less than the evidence is not searched": (SAID[:15], SAID[:15], CLEAN, SAID[:15]),
    "the first answer has nothing to be joined to": ("", SAID, CLEAN, SAID),
}


@pytest.mark.parametrize(("said", "reply", "verdict", "new"), EXAMPLES.values(), ids=EXAMPLES)
def test_where_matches_compete_the_better_evidence_wins(said: str, reply: str, verdict: SeamVerdict, new: str) -> None:
    assert align(said, reply, EACH_CHAR) == align(said, reply, []) == (verdict, new)


@pytest.mark.parametrize("line", ["-" * 80, " " * 80, "=-" * 40, "| | " * 20, "abcde" * 20])
def test_a_run_of_few_distinct_characters_proves_nothing(line: str) -> None:
    assert len(set(line)) < OVERLAP_DISTINCT_MIN
    assert align(f"A table:\n{line}", f"{line}\nnext", EACH_CHAR) == (CLEAN, f"{line}\nnext")
    assert align(line, f"{line}\nnext", EACH_CHAR) == (CLEAN, f"{line}\nnext")


@pytest.mark.parametrize(("overlap", "verdict"), [(WINDOW_CHARS, OVERLAP), (WINDOW_CHARS + 1, CLEAN)])
def test_an_overlap_is_looked_for_as_far_back_as_the_window(overlap: int, verdict: SeamVerdict) -> None:
    said = words(999)
    assert align(said, said[-overlap:] + "new", [7])[0] is verdict


# --- Any text: clusters, fences, tables, hostile strings.


@pytest.mark.parametrize("piece", ODD_TEXTS)
def test_a_cut_inside_any_cluster_or_fence_is_joined_exactly(piece: str) -> None:
    original = f"{words(8)}{piece}{piece}{words(12)[40:]}"
    for cut, overlap in product(range(48, len(original) - 20), (40, 44)):
        assert align(original[:cut], original[cut - overlap :], EACH_CHAR) == (OVERLAP, original[cut:])
        assert align(original[:cut], original[cut:], EACH_CHAR, searches=False) == (CLEAN, original[cut:])


def test_naughty_strings_are_joined_exactly(shared: Path) -> None:
    strings: list[str] = json.loads((shared / "cases" / "naughty_strings.json").read_text("utf-8"))["strings"]
    for naughty in strings:
        said = f"{words(8)}{naughty}"
        assert align(said, said[-40:] + "new", [3]) == rule(said, said[-40:] + "new")
        assert align(said, said + naughty, [3]) == (ECHO, naughty)
        assert align(said, naughty, EACH_CHAR, searches=False) == (CLEAN, naughty)


def recorded_texts(shared: Path) -> list[str]:
    metas = sorted((shared / "recordings").rglob("*.json"))
    found = [json.loads(meta.read_text("utf-8")).get("expected", {}).get("text") for meta in metas]
    return sorted({text for text in found if isinstance(text, str) and len(text) > 80})


@pytest.mark.recordings
def test_recorded_answers_are_joined_in_all_but_one_of_a_thousand_cuts(shared: Path) -> None:
    cuts = wrong = 0
    for text in recorded_texts(shared):
        for cut in range(20, len(text), max(1, len(text) // 40)):
            overlapping = align(text[:cut], text[max(0, cut - 60) :], [5])[1]
            clean = align(text[:cut], text[cut:], [5])
            cuts += 2
            wrong += (overlapping != text[cut:]) + (clean[1] != text[cut:] or clean[0] is RESTART)
    assert cuts > 1000
    assert wrong * 1000 <= cuts


# --- Holding back: bounded, and never longer than there is a reason to.


def test_text_that_is_like_nothing_that_was_said_is_released_at_once() -> None:
    aligner = Aligner(words(99), searches=True)
    assert aligner.feed("≠") == "≠"
    assert aligner.verdict is CLEAN


@pytest.mark.parametrize("sizes", [[40], EACH_CHAR, [7]])
def test_an_overlap_is_known_as_soon_as_it_reaches_the_cut(sizes: list[int]) -> None:
    said = words(99)
    aligner = Aligner(said, searches=True)
    assert "".join(aligner.feed(text) for text in chunks(said[-40:], sizes)) == ""
    assert (aligner.verdict, aligner.held_chars) == (OVERLAP, 0)
    assert aligner.feed("new") == "new"


@given(st.integers(0, 2900), st.text("0123456789", min_size=1, max_size=3))
def test_a_clean_continuation_is_released_after_sixteen_characters(cut: int, start: str) -> None:
    aligner = Aligner(words(400)[:cut], searches=True)
    reply = f"{start} words that go on"[:OVERLAP_CHARS_MIN]
    assert "".join(aligner.feed(char) for char in reply) == reply


def test_a_long_echo_holds_nothing_that_is_new() -> None:
    said = words(2000)
    aligner = Aligner(said, searches=True)
    held = [aligner.held_chars for text in chunks(said[:-1], [5]) if not aligner.feed(text)]
    assert max(held) <= HOLD_CHARS_MAX
    assert set(held[HOLD_CHARS_MAX:]) == {0}
    assert aligner.feed(said[-1] + "new") == "new"


def test_once_decided_text_is_handed_on_as_it_is() -> None:
    for aligner in (Aligner(words(99), searches=True), Aligner("", searches=False)):
        aligner.feed("≠")
        text = "".join(["any", "thing"])
        assert aligner.feed(text) is text


def test_an_empty_text_decides_nothing() -> None:
    for searches in (True, False):
        aligner = Aligner(words(99), searches=searches)
        assert (aligner.feed(""), aligner.verdict) == ("", None)


class CountedText(str):
    """A text that counts, at worst, how many of its characters were looked at."""

    looked = 0

    def __getitem__(self, key: SupportsIndex | slice) -> CountedText:
        found = CountedText(super().__getitem__(key))
        CountedText.looked += len(found)
        return found

    def find(self, *args: Any) -> int:
        found = super().find(*args)
        needle, start, end = args
        CountedText.looked += len(needle) * max(1, (end if found < 0 else found) - start)
        return found


HARD_TEXTS = ["a" * 100_000, "abcdefg" * 15_000, ("abcdefgh" + "a" * 90) * 1000, "a" * 99_000 + words(150)]


@pytest.mark.parametrize("said", HARD_TEXTS, ids=len)
def test_the_work_is_linear_in_the_reply_whatever_the_texts_are(said: str) -> None:
    replies = (said + "new", said[-1000:] + "≠" + said, said[:50_000] + "≠" + said, said[-WINDOW_CHARS:-5] + "≠" + said)
    for reply in replies:
        aligner = Aligner(CountedText(said), searches=True)
        CountedText.looked = 0
        for text in chunks(reply, [5]):
            aligner.feed(text)
        aligner.finish()
        assert CountedText.looked <= 3 * len(reply) + 3 * WINDOW_CHARS**2


# --- Cut again, at any moment.


def test_what_is_held_when_the_attempt_is_cut_is_never_shown() -> None:
    aligner = Aligner(words(99), searches=True)
    assert aligner.feed(words(99)[-40:-10]) == ""
    aligner.discard()
    assert (aligner.feed("more"), aligner.finish(), aligner.held_chars, aligner.verdict) == ("", "", 0, None)


@pytest.mark.parametrize("searches", [True, False])
def test_nothing_comes_after_the_end(searches: bool) -> None:
    aligner = Aligner(words(99), searches=searches)
    aligner.feed("≠")
    aligner.finish()
    assert (aligner.feed("more"), aligner.finish(), aligner.verdict) == ("", "", CLEAN)


cuts = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1500), chunkings), min_size=1, max_size=5)


@given(st.integers(OVERLAP_CHARS_MIN, 2000), cuts)
def test_cut_any_number_of_times_the_shown_text_stays_a_prefix_and_is_completed(
    cut: int, attempts: list[tuple[int, int, list[int]]]
) -> None:
    original = words(300)
    shown = original[:cut]
    for repeated, received, sizes in attempts:
        repeated = repeated if OVERLAP_CHARS_MIN <= repeated <= WINDOW_CHARS else len(shown) * (repeated % 2)
        aligner = Aligner(shown, searches=True)
        reply = original[max(0, len(shown) - repeated) :][:received]
        shown += "".join([aligner.feed(text) for text in chunks(reply, sizes)])
        aligner.discard()
        assert original.startswith(shown)
    assert shown + align(shown, original[len(shown) - OVERLAP_CHARS_MIN :], EACH_CHAR)[1] == original


@given(texts, st.integers(0, 200), st.lists(st.tuples(st.integers(0, 30), chunkings), max_size=5))
def test_cut_any_number_of_times_where_white_space_is_left_off_nothing_is_lost(
    original: str, cut: int, attempts: list[tuple[int, list[int]]]
) -> None:
    shown = original[:cut]
    for received, sizes in [*attempts, (len(original), [3])]:
        sent = len(shown.rstrip())
        aligner = Aligner(shown, searches=False, trimmed=shown[sent:])
        shown += "".join([aligner.feed(text) for text in chunks(original[sent:][:received], sizes)])
        aligner.discard()
        assert original.startswith(shown)
    assert shown == original
