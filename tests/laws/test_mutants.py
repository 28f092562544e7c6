"""The oracles are tested by planted bugs: each is caught by a seed that is known, and no seed catches the engine."""

from __future__ import annotations

import warnings

import pytest

from riverrun.engine.testing.law import Law
from riverrun.engine.testing.simulator.generate import scenario_of
from riverrun.engine.testing.simulator.runner import simulate_many
from tests.mutants.patching import CannotPlant, Edit, Mutant, function_at, plant
from tests.mutants.planted import MUTANTS
from tests.mutants.sweep_mutants import BEGIN, DOCS, END, broken_by, catch, recorded, table_of

CAUGHT = recorded()
SEEDS = {name: one.seed for name, one in CAUGHT.items() if one.seed is not None}
NOT_SIMULATED = {Law.CUT_ANYWHERE, Law.PURE, Law.ANY_ORDER}
"""Of decoders and planners by themselves, and of any order: there the simulator knows "determinism"."""
MORE = 3
"""How many seeds after the recorded one may catch a mutant too, before the seeds have to be swept for again."""
STAYS = Mutant(
    "renamed", Law.ONE_STREAM, "a bug in what is gone", [Edit("core.seam:Aligner.finish", "no such line", "")]
)


@pytest.mark.laws
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_a_planted_bug_breaks_its_law_on_its_seed(mutant: Mutant) -> None:
    seed = SEEDS[mutant.name]
    assert any(broken_by(mutant, one) is not None for one in range(seed, seed + 1 + MORE))


@pytest.mark.laws
@pytest.mark.parametrize("level", sorted({mutant.level for mutant in MUTANTS}))
def test_the_engine_passes_the_very_same_seeds(level: str) -> None:
    starts = {SEEDS[mutant.name] for mutant in MUTANTS if mutant.level == level}
    seeds = sorted({start + more for start in starts for more in range(1 + MORE)})
    outcomes = simulate_many(scenario_of(seed, level) for seed in seeds)
    assert {outcome.scenario.seed: outcome.broken for outcome in outcomes if outcome.broken} == {}


def test_every_law_of_the_oracles_is_broken_by_a_planted_bug() -> None:
    assert {mutant.law for mutant in MUTANTS} == set(Law) - NOT_SIMULATED


def test_there_are_many_planted_bugs_with_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 25
    assert set(SEEDS) == {mutant.name for mutant in MUTANTS}


def test_the_table_in_the_docs_is_what_was_recorded_of_these_planted_bugs() -> None:
    assert DOCS.read_text("utf-8").partition(BEGIN)[2].partition(END)[0].strip() == table_of(CAUGHT)


def test_a_bug_is_gone_when_its_block_is_left() -> None:
    codes = {edit.place: function_at(edit.place).__code__ for mutant in MUTANTS for edit in mutant.edits}
    for mutant in MUTANTS:
        with plant(mutant):
            assert all(function_at(edit.place).__code__ is not codes[edit.place] for edit in mutant.edits)
    assert {place: function_at(place).__code__ for place in codes} == codes


def test_a_bug_that_does_not_fit_the_engine_any_more_is_no_bug_that_is_not_caught() -> None:
    with pytest.raises(CannotPlant, match="holds 0 times 'no such line'; expected once"), plant(STAYS):
        pass
    with pytest.raises(CannotPlant, match="is not there any more"):
        function_at("core.seam:Aligner.begin")


def test_an_engine_without_a_bug_is_not_caught() -> None:
    same = Mutant("none", Law.ONE_STREAM, "nothing", [Edit("core.seam:Aligner.feed", "return text", "return text")])
    with warnings.catch_warnings():
        assert catch(same, 40).seed is None
