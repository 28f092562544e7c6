"""The page of a report, read as text: what stands in it, and what can not."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from attrs import evolve

from riverrun.engine.bench.report.faults import write_faults_html
from riverrun.engine.bench.report.markup import el, embedded_json
from riverrun.engine.bench.report.summary import bounded, cells_of, spread_of, summaries_of
from riverrun.engine.bench.result import Verdict, read_result
from tests.bench.made_result import FAULTS, HOSTILE, PEERS, hostile_result, made_result

RESULT = made_result()
PAGE = write_faults_html(RESULT)


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_a_page_is_the_same_for_the_same_result() -> None:
    assert write_faults_html(made_result()) == PAGE


def test_every_cell_is_a_button_that_says_its_verdict_in_words() -> None:
    buttons = [
        attributes for tag, attributes in Elements(PAGE).elements if tag == "button" and "data-peer" in attributes
    ]
    assert len(buttons) == len(FAULTS) * sum(not peer.missing for peer in PEERS)
    assert all((each["data-verdict"] or "!") in (each["aria-label"] or "") for each in buttons)


def test_the_data_of_the_page_is_the_result() -> None:
    assert read_result(Elements(PAGE).scripts[0]) == RESULT


def test_a_page_names_no_address_and_has_no_style_or_handler_of_its_elements() -> None:
    elements = Elements(PAGE).elements
    assert set(re.findall(r"\w+://[^\"]+", PAGE)) == {"http://www.w3.org/2000/svg"}  # a name, which is asked of nobody
    for tag, attributes in elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
        assert "src" not in attributes


def test_the_policy_lets_only_what_the_page_ships_run() -> None:
    parsed = Elements(PAGE)
    policy = next(a["content"] for _, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy") or ""
    digest = b64encode(sha256(parsed.scripts[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_a_hostile_text_is_a_text_everywhere() -> None:
    hostile = Elements(write_faults_html(hostile_result()))
    assert [tag for tag, _ in hostile.elements].count("script") == 2
    assert not [tag for tag, _ in hostile.elements if tag in {"img", "iframe"}]
    assert json.loads(hostile.scripts[0])["trials"][0]["moments"][0]["words"] == HOSTILE


@pytest.mark.parametrize("said", ["</script>", "<!--", "<script>", "a\u2028b", "\ud800", "\0", "&lt;"])
def test_embedded_data_is_what_it_was_and_ends_nothing(said: str) -> None:
    inner = embedded_json({"said": said}).text.partition(">")[2].removesuffix("</script>")
    assert "<" not in inner
    assert json.loads(inner) == {"said": said}


@pytest.mark.parametrize(
    ("said", "is_written"),
    [
        ("<b>", "&lt;b&gt;"),
        ('"', "&quot;"),
        ("'", "&#x27;"),
        ("\0\x1b", "\ufffd\ufffd"),
        ("\ud800", "\ufffd"),
        ("\n", "\n"),
    ],
)
def test_text_and_attributes_are_escaped(said: str, is_written: str) -> None:
    assert el("p", said, title=said).text == f'<p title="{is_written}">{is_written}</p>'


def test_a_cell_tells_its_worst_trial_and_how_many_were_so() -> None:
    trials = [trial for trial in RESULT.trials if (trial.peer, trial.fault) == ("riverrun", "ok")]
    worse = evolve(trials[0], verdict=Verdict.HANG)
    cell = cells_of(evolve(RESULT, trials=(worse, *trials[1:])))["riverrun", "ok"]
    assert (cell.worst, cell.share, cell.is_exact) == (Verdict.HANG, "1 of 4", False)


def test_a_summary_counts_the_faults_that_were_exact_in_every_trial() -> None:
    ours = summaries_of(RESULT)[0]
    assert (ours.peer.name, ours.faults_exact) == ("riverrun", 11)
    assert sum(ours.verdicts.values()) == len(FAULTS) * 4


def test_a_client_that_could_not_be_installed_is_told_with_the_reason() -> None:
    assert "no version for this Python" in PAGE
    assert [each.peer.name for each in summaries_of(RESULT)] == [peer.name for peer in PEERS if not peer.missing]


def test_what_can_not_be_won_is_told_with_the_reason() -> None:
    assert "a signature can not be asked again" in PAGE.partition('id="can-not-be-won"')[2]


def test_the_spread_of_nothing_is_none() -> None:
    assert spread_of([None]) is None
    assert spread_of([3.0, None, 1.0]) is not None


def test_a_page_of_many_trials_leaves_the_logs_of_later_seeds_out_and_says_so() -> None:
    first_seed = sum(len(trial.moments) for trial in RESULT.trials if trial.seed == 1)
    kept = bounded(RESULT, first_seed)
    assert all(bool(trial.moments) == (trial.seed == 1) for trial in kept.trials)
    assert [evolve(trial, moments=()) for trial in kept.trials] == [evolve(t, moments=()) for t in RESULT.trials]


def test_a_run_without_clients_is_a_page_too() -> None:
    page = write_faults_html(evolve(RESULT, trials=(), peers=PEERS[-1:]))
    assert "No client ran." in page
