"""Every sentence in which a decoder refuses what it saw repeats names through the one function, and else numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    *sorted((ROOT / "providers").glob("*.py")),
    *(ROOT / "engine" / "core" / f"{name}.py" for name in ("accumulator", "continuation", "framing")),
]

OURS = ("named(", "printable(", "len(", "seen(", "explain_arguments(")
"""How an expression begins that gives a number of ours, a name of ours, or text that can be shown."""

LEAVES = {
    *("bound", "limit", "seen", "what", "unit", "reason", "why", "mark", "meant", "listed"),
    *("self._blocks_started", "self._wants.decode()"),
}
"""Names of the same, each seen to be one."""


def sentences(tree: ast.AST) -> Iterator[ast.JoinedStr]:
    """F-strings that say what was seen or what was expected, but for those raised at the caller: see `UsageError`."""
    raised = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Raise) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in raised:
            text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if text.startswith(("seen ", "saw ")) or "; expected " in text:
                yield node


def is_safe(value: ast.expr) -> bool:
    text = ast.unparse(value)
    return text.startswith(OURS) or text.rpartition(".")[2].lower().endswith("_max") or text in LEAVES


def test_no_sentence_repeats_what_did_not_go_through_the_one_function() -> None:
    found = [
        f"{module.name}:{part.lineno}: {ast.unparse(part.value)}"
        for module in MODULES
        for sentence in sentences(ast.parse(module.read_text("utf-8")))
        for part in sentence.values
        if isinstance(part, ast.FormattedValue) and not is_safe(part.value)
    ]
    assert found == []


@pytest.mark.parametrize("said", ["f'seen a {kind}; expected none'", "f'seen {block.kind[:80]!r}'"])
def test_the_check_finds_a_name_that_is_repeated_as_it_came(said: str) -> None:
    (sentence,) = sentences(ast.parse(f"self.defect = {said}"))
    assert not all(is_safe(part.value) for part in sentence.values if isinstance(part, ast.FormattedValue))
