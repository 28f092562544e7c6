"""Writes what a benchmark found into files; what can not be written ends the command with the code for output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..exit_codes import OutputFailed


def write_folder(folder: str, files: Mapping[str, str]) -> None:
    """Write files into a folder, which is made. Raises OutputFailed."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"{folder}: {error.strerror or error}") from error
    for name, text in files.items():
        write_file(str(Path(folder, name)), text)


def write_file(path: str, text: str) -> None:
    """Write a file. Raises OutputFailed."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"{path}: {error.strerror or error}") from error
