"""What stands in one text and not in another: the fewest characters that were lost and added, and what they repeat.

Rules:
- *kept* is the longest common subsequence: no reading of the two texts loses or adds fewer characters.
- An added run is *doubled* if it repeats what stands beside it, or if it is `REPEATS_CHARS_MIN` characters or more that
  the answer says elsewhere; else it is *invented*.

The theory: equal ends are taken off first, which settles nearly every trial. The rest goes through the bit-parallel
recurrence for the longest common subsequence (Hyyrö 2004: one row is one integer of a bit a character), and where its
rows would not fit into memory, the text is split as Hirschberg (1975) splits it.
"""

from __future__ import annotations

from itertools import pairwise

from attrs import frozen

REPEATS_CHARS_MIN = 6
"""Shorter runs are found in any text by chance."""

ROWS_BITS_MAX = 256 * 1024 * 1024
"""How much is kept to trace one alignment: 32 MiB."""


@frozen
class Difference:
    """How a given text differs from the true one, in characters."""

    lost: int = 0
    doubled: int = 0
    invented: int = 0


def difference(truth: str, given: str) -> Difference:
    """Compare two texts.

    Cost: linear where they differ in one place; else the product of what lies between the first and the last
    difference, 64 characters a step.
    """
    added = [run for run in _runs(given, _matches(truth, given)) if run[0] < run[1]]
    doubled = sum(end - start for start, end in added if _repeats(truth, given, start, end))
    total = sum(end - start for start, end in added)
    return Difference(len(truth) - (len(given) - total), doubled, total - doubled)


def _repeats(truth: str, given: str, start: int, end: int) -> bool:
    run, size = given[start:end], end - start
    if given[max(start - size, 0) : start] == run or given[end : end + size] == run:
        return True
    return size >= REPEATS_CHARS_MIN and run in truth


def _runs(given: str, kept: list[int]) -> list[tuple[int, int]]:
    """Return the gaps between the places of `given` that were kept."""
    ends = [-1, *kept, len(given)]
    return [(before + 1, after) for before, after in pairwise(ends)]


def _matches(truth: str, given: str) -> list[int]:
    """Return the places of `given` that are kept, in order."""
    kept: list[int] = []
    waiting = [(truth, given, 0)]
    while waiting:
        part, other, at = waiting.pop()
        head = _common(part, other)
        kept.extend(range(at, at + head))
        part, other, at = part[head:], other[head:], at + head
        tail = _common(part[::-1], other[::-1])
        kept.extend(range(at + len(other) - tail, at + len(other)))
        part, other = part[: len(part) - tail], other[: len(other) - tail]
        if not part or not other:
            continue
        if len(part) * len(other) <= ROWS_BITS_MAX or len(other) == 1:
            kept.extend(at + place for place in _traced(part, other))
        else:
            cut, middle = _split(part, other)
            waiting += [(part[:cut], other[:middle], at), (part[cut:], other[middle:], at + middle)]
    return sorted(kept)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike: by halves, each compared by the interpreter."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _rows(part: str, other: str, kept: list[int] | None) -> int:
    """Return the last row: its bit i is 0 where the first i+1 characters of `part` have one more in common."""
    places: dict[str, int] = {}
    for at, character in enumerate(part):
        places[character] = places.get(character, 0) | 1 << at
    row = full = (1 << len(part)) - 1
    for character in other:
        found = row & places.get(character, 0)
        row = (row + found | row - found) & full
        if kept is not None:
            kept.append(row)
    return row


def _traced(part: str, other: str) -> list[int]:
    """Return the places of `other` that are kept: from the last row back to the first."""
    rows: list[int] = []
    _rows(part, other, rows)
    full = (1 << len(part)) - 1
    kept: list[int] = []
    i = len(part)
    for j in range(len(other) - 1, -1, -1):
        above = rows[j - 1] if j else full
        # The columns in which this row counts one more than the one above begin at the last 1 that became 0.
        gained = above & ~rows[j] & ((1 << i) - 1)
        lost = rows[j] & ~above & ((1 << i) - 1)
        if gained.bit_count() > lost.bit_count():
            i = _column(part, other[j], rows[j], i)
            kept.append(j)
    return kept


def _column(part: str, character: str, row: int, i: int) -> int:
    """Return the column at which the count of this row last grew: there the character was matched."""
    low = ~row & ((1 << i) - 1)
    i = low.bit_length() - 1
    while part[i] != character:
        i -= 1
    return i


def _split(part: str, other: str) -> tuple[int, int]:
    """Return where to cut both texts so that both halves together keep as much as the whole."""
    middle = len(other) // 2
    before = _counts(_rows(part, other[:middle], None), len(part))
    after = _counts(_rows(part[::-1], other[: middle - 1 : -1], None), len(part))
    sums = [one + two for one, two in zip(before, reversed(after), strict=True)]
    return sums.index(max(sums)), middle


def _counts(row: int, size: int) -> list[int]:
    """Return what the first 0, 1, 2 … characters have in common."""
    counts = [0]
    for bit in reversed(f"{row:0{size}b}"):
        counts.append(counts[-1] + (bit == "0"))
    return counts
