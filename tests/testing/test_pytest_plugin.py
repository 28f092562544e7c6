"""The pytest plugin: two fixtures, and only where they are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["riverrun.testing.pytest_plugin"]\n'
TESTS = """
import pytest
import trio
import riverrun as rr
from riverrun.testing import RIVERS
from riverrun.engine.testing.script.faults import Fault
from riverrun.engine.testing.simulator.scenario import Scenario
from riverrun.testing import Fails, Reset, Silence

def test_simulation(riverrun_simulation):
    outcome = riverrun_simulation(Scenario(faults=(Fault("reset", at=5),)))
    assert len(outcome.attempts) == 2

def test_broken_planner(riverrun_simulation):
    plan = lambda snapshot, capabilities: rr.ContinueText("never said")
    riverrun_simulation(Scenario(faults=(Fault("reset", at=5),)), planner=plan)

@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-sonnet-4-5"])  # by a quote, by a prefill
def test_network(scripted_provider, model):
    network = scripted_provider("anthropic", RIVERS, [5, Reset()])
    provider = rr.Anthropic(model, base_url="http://127.0.0.1:9")
    policy = rr.Policy(retry=rr.RetryPolicy(base_delay_s=0.0))
    engine = rr.Engine(provider, transport=network, policy=policy)
    result = trio.run(engine.complete, rr.InferenceRequest(rr.Message.user("?")))
    assert result.text == RIVERS.text
    assert len(network.requests) == 2

NO_LIST = (Reset(), 3, b"data", "data", None)
NO_STEPS = (["data"], [Reset], [Fails(None)], [3, Silence], [True])

@pytest.mark.parametrize("first", NO_LIST + NO_STEPS, ids=str)
def test_a_mistake_is_refused_at_the_call(scripted_provider, first):
    with pytest.raises(rr.UsageError, match="for request 2; expected a list of .*Reset"):
        scripted_provider("anthropic", RIVERS, [5], first)

def test_an_answer_is_an_answer(scripted_provider):
    with pytest.raises(rr.UsageError, match="expected an Answer"):
        scripted_provider("anthropic", "Hello")
"""


def run_pytest(folder: Path, conftest: str) -> str:
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "test_it.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False).stdout


def test_the_fixtures_work_and_a_broken_law_fails_with_its_story(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, CONFTEST)
    assert "1 failed, 14 passed" in said, said
    assert "BROKEN  exactly one end: the engine refuses what was planned" in said


def test_nothing_loads_unless_it_is_asked_for(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, "")
    assert "fixture 'riverrun_simulation' not found" in said
    assert "fixture 'scripted_provider' not found" in said
