"""The console script: what it runs, and a Ctrl-C while it still imports."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.loopback import DEADLINE_S, environment

ROOT = Path(__file__).resolve().parent.parent.parent
INTERRUPTED = """
import builtins, sys
real, module = builtins.__import__, sys.argv.pop(1)
def interrupted(name, *rest):
    if name == module:
        raise KeyboardInterrupt
    return real(name, *rest)
builtins.__import__ = interrupted
from riverrun_command import main
sys.exit(main())
"""


@pytest.mark.parametrize("module", ["argparse", "trio"], ids=["of the command line", "of its command"])
def test_a_ctrl_c_during_the_imports_is_one_line_and_exit_130(module: str) -> None:
    arguments = [sys.executable, "-c", INTERRUPTED, module, "chat", "-m", "openai/x", "Why?"]
    done = subprocess.run(arguments, capture_output=True, env=environment(), timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr == b"riverrun: interrupted before anything was asked\n"


def test_the_console_script_is_the_guarded_one_and_runs_the_command() -> None:
    script = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]["riverrun"]
    assert script == "riverrun_command:main"
    arguments = [sys.executable, "-W", "error", "-m", "riverrun_command", "runs", "--journal", "/nowhere/runs.db"]
    done = subprocess.run(arguments, capture_output=True, env=environment(), timeout=DEADLINE_S)
    assert (done.returncode, done.stderr.startswith(b"riverrun: usage: there is no journal")) == (2, True)
