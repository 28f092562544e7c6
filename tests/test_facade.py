"""The public modules beside `riverrun`: every name loads, and says which public module it is of."""

from __future__ import annotations

import ast
import importlib
import pickle
from pathlib import Path

import pytest

import riverrun as rr

PUBLIC = ("riverrun.abc", "riverrun.lowlevel", "riverrun.testing", "riverrun.testing.strategies")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_listed(name: str) -> None:
    module = importlib.import_module(name)
    assert all(getattr(module, each) is not None for each in module.__all__)
    assert set(module.__all__) <= set(dir(module))


def test_what_is_public_says_so() -> None:
    abc, lowlevel = importlib.import_module("riverrun.abc"), importlib.import_module("riverrun.lowlevel")
    assert (abc.Provider.__module__, lowlevel.ErrorResponse.__module__) == ("riverrun.abc", "riverrun.lowlevel")


def test_a_value_of_a_public_class_can_be_sent_to_another_process() -> None:
    stop = importlib.import_module("riverrun.lowlevel").StopReported(rr.StopReason.END_TURN, "stop")
    assert pickle.loads(pickle.dumps(stop)) == stop  # noqa: S301 - our own bytes


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_like_it'"):
        _ = importlib.import_module("riverrun.lowlevel").nothing_like_it


@pytest.mark.parametrize("example", ["own_provider.py", "own_store.py", "custom_plan.py"])
def test_a_part_of_ones_own_takes_public_names_only(example: str) -> None:
    tree = ast.parse((EXAMPLES / example).read_text("utf-8"))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module.startswith("riverrun")}
    assert ours <= {"riverrun", *PUBLIC}
