"""Numbers as they are written on a command line."""

from __future__ import annotations

import argparse

from ..core.validators import WHOLE_NUMBER_MAX, is_whole_number, seen


def whole_number(word: str) -> int:
    """Read a whole number that a seed may be. Raises ArgumentTypeError."""
    try:
        number = int(word)
    except ValueError:  # also where it has more digits than Python reads
        number = WHOLE_NUMBER_MAX + 1
    if not is_whole_number(number):
        raise argparse.ArgumentTypeError(f"{seen(word)}; expected a whole number of at most {WHOLE_NUMBER_MAX}")
    return number
