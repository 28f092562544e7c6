"""How large things may grow: functions, files, classes. A larger one needs a reason, which stands here.

How many ways lead through a function is ruff's to count (C901, at most 15).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = [path for folder in ("engine", "providers") for path in sorted((ROOT / folder).rglob("*.py"))]
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in FILES}

FUNCTION_LINES_MAX, CLASS_LINES_MAX, FILE_LINES_MAX = 40, 250, 400
ATTRIBUTES_MAX = 12

LARGER: dict[str, str] = {
    "engine/core/accumulator.py:Accumulator": "one fold over every kind of event, and what it holds is the run",
    "engine/core/clocks.py:Clocks": "six clocks that share what time it is for the provider",
    "engine/core/framing.py:SSEReader": "the hot path keeps its state in one object; split, each line cost a call more",
    "engine/core/run_state.py:RunState": "all decisions of a run in one place, as in h11's Connection",
    "engine/http/opened_response.py:OpenedResponse": "the two tasks of a response meet in it, and nowhere else",
    "engine/run/intake.py:Intake": "all that one attempt needs to remember, made and dropped with it",
    "engine/run/journal_writer.py:JournalWriter": "what waits, what is written and what is counted change together",
    "providers/anthropic/blocks.py:OpenBlock": "one block between its start and its stop, on the hot path",
    "providers/anthropic/decode.py:AnthropicDecoder": "the rules of one format in the order of its events",
    "providers/gemini/decode.py:GeminiDecoder": "the rules of one format in the order of its chunks",
    "providers/gemini_interactions/decode.py:InteractionsDecoder": "the rules of one format in the order of its events",
    "providers/gemini_interactions/steps.py:OpenStep": "one step between its start and its stop",
    "providers/ollama/decode.py:OllamaDecoder": "the rules of one format in the order of its lines",
    "providers/openai_chat/decode.py:OpenAIChatDecoder": "the rules of one format in the order of its chunks",
    "providers/openai_responses/decode.py:OpenAIResponsesDecoder": "the rules of one format in the order of its events",
    "providers/openai_responses/items.py:CallItem": "a call has three names and comes in fragments and whole",
    "providers/openai_responses/output.py:Output": "the items of a response, which name each other by three keys",
}
"""Classes that are larger, by name, with the reason."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{name}:{node.name}", node


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for name, tree in TREES.items():
        yield from ((f"{name}:{node.name}", node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def code_lines(node: ast.AST) -> int:
    """The lines of a body that hold code: without its docstring, comments and blanks."""
    doc = ast.get_docstring(node, clean=False) if isinstance(node, Function | ast.ClassDef) else None
    lines = {
        line
        for inner in ast.walk(node)
        if isinstance(inner, ast.stmt | ast.expr) and inner is not node
        for line in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
    }
    return len(lines) - (len(doc.splitlines()) if doc else 0)


def attributes(node: ast.ClassDef) -> set[str]:
    """What a class sets on itself, or declares."""
    return {
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.ctx, ast.Store)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == "self"
    }


def test_functions_are_short() -> None:
    lengths = sorted(code_lines(node) for _, node in functions())
    assert [(name, code_lines(node)) for name, node in functions() if code_lines(node) > FUNCTION_LINES_MAX] == []
    assert lengths[len(lengths) // 2] <= 5
    assert lengths[len(lengths) * 9 // 10] <= 15


def test_files_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_classes_are_small_or_have_a_reason() -> None:
    large = {
        name
        for name, node in classes()
        if (node.end_lineno or 0) - node.lineno > CLASS_LINES_MAX or len(attributes(node)) > ATTRIBUTES_MAX
    }
    assert large == set(LARGER)


@pytest.mark.parametrize("reason", LARGER.values())
def test_a_reason_is_a_sentence(reason: str) -> None:
    assert len(reason.split()) >= 5
