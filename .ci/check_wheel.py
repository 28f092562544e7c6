"""Run in an environment that holds nothing but the built wheel: all of it has to be there, and nothing else."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

import riverrun
from riverrun import Anthropic, Engine, InferenceRequest, Message, OpenAIChat, from_name
from riverrun.engine.bench.report.faults import write_faults_html
from riverrun.engine.bench.result import SCHEMA, BenchResult
from riverrun.engine.core import journal


def main() -> int:
    """Check the installed package; the assertions say what is wrong."""
    package = Path(riverrun.__file__).parent
    assert package.is_relative_to(sys.prefix), f"riverrun was imported from {package}, not from the wheel"
    assert not (package / "engine").is_symlink(), "the wheel holds a link where the code should be"
    assert (package / "py.typed").is_file(), "py.typed is missing: type checkers would ignore the annotations"
    assert Path(journal.__file__).is_relative_to(package / "engine" / "core")
    for bare in ("engine", "providers"):
        assert importlib.util.find_spec(bare) is None, (
            f"the wheel installs a bare {bare!r}: applications have such folders"
        )
    assert importlib.metadata.version("riverrun") == riverrun.__version__
    assert importlib.util.find_spec("riverrun_command") is not None, "the console script's module is missing"
    files = [str(file) for file in importlib.metadata.files("riverrun") or ()]
    assert not [file for file in files if file.startswith(("src/", "tests/", "engine/", "providers/"))], files
    assert from_name("openai/gpt-4o", base_url="http://127.0.0.1:9/v1").name == "openai"
    for public in ("abc", "causes", "errors", "lowlevel", "testing"):
        module = importlib.import_module(f"riverrun.{public}")
        assert all(hasattr(module, name) for name in module.__all__), f"riverrun.{public} lacks a name"
    assert all(hasattr(riverrun, name) for name in riverrun.__all__), "riverrun lacks a name"
    Engine(Anthropic("claude-sonnet-4-5", base_url="http://127.0.0.1:9"))
    OpenAIChat("gpt-4o", base_url="http://127.0.0.1:9/v1").encode(InferenceRequest([Message.user("hi")]), None)
    page = write_faults_html(BenchResult(SCHEMA, "quick", "riverrun", {}, "2026-12-01", (), (), (), ()))
    assert "<style>" in page, "the wheel lacks what a report is made of"
    assert "<script>" in page, "the wheel lacks what a report is made of"
    print(f"the wheel holds {len(files)} files of riverrun {riverrun.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
