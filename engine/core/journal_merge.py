"""What of a run's items has to be written: neighbours joined, and of what replaces each other the last.

Rules:

* The fold of what is left is the fold of all; only how often a count was odd is not kept.
* Deltas of one kind that are neighbours are one. Empty ones, and stops where nothing is open, are none.
* Of the cursors of an entry the last counts, for an entry is stored whole or not at all.
* Of the usage reports, stop reasons and names of a response the last one counts, up to the next item of the journal's
  own (`journal_items`): an attempt's end reads them. Of the signatures of one open thought the last one counts.
* What a later item may still replace is *replaceable*: the last of each of these. Everything else is lasting.

Cost: linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from .journal_items import Entry, JournalItem
from .stream_events import (
    BlockStop,
    CursorMoved,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    TextDelta,
    ToolCallDelta,
)
from .usage import UsageReport, clamp_tokens

_OWN = frozenset(get_args(JournalItem))
_ANYWHERE = frozenset({UsageReport, ResponseStarted, StopReported, CursorMoved})
"""What is folded for itself: it may change places with anything said."""


def merge_deltas(items: Sequence[Entry]) -> list[Entry]:
    """Leave out what is replaced or says nothing, and join neighbouring deltas: the fold of both is the same."""
    if len(items) == 1 and text_of(items[0]) != "":
        return [items[0]]
    merged: list[Entry] = []
    run: list[str] = []
    last: Entry | None = None
    for item in _without_replaced(items):
        text = text_of(item)
        if last is not None and text is not None and _joins(last, item):
            run.append(text)
            continue
        if last is not None:
            merged.append(_joined(last, run))
        last, run = item, [text or ""]
    if last is not None:
        merged.append(_joined(last, run))
    return merged


def split_replaceable(merged: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Split merged items into what lasts and what a later one may still replace, each in its order."""
    lasting: list[Entry] = []
    replaceable: list[Entry] = []
    is_last = _Later()
    for item in reversed(merged):
        is_last.see(item)
        (replaceable if is_last.may_replace(item) else lasting).append(item)
    return lasting[::-1], replaceable[::-1]


class _Later:
    """Read from the end: whether something later may still come in the place of an item, or has."""

    def __init__(self) -> None:
        self.is_open = True  # no item of the journal's own stands behind
        self.is_thinking = True  # nothing behind ends the thought that a signature is of

    def see(self, item: Entry) -> None:
        """Step over an item."""
        kind = type(item)
        if kind in _OWN:
            self.is_open = self.is_thinking = False
        elif kind is not ReasoningSignature and not _keeps_thought(item):
            self.is_thinking = False

    def may_replace(self, item: Entry) -> bool:
        """Whether what comes later may take the place of this item, which was stepped over last."""
        return self.is_thinking if type(item) is ReasoningSignature else self.is_open and type(item) in _ANYWHERE


def _keeps_thought(item: Entry) -> bool:
    """Whether a thought that is open before an item is open behind it."""
    return type(item) in _ANYWHERE or isinstance(item, ReasoningDelta) or _is_in_call(item)


def _is_in_call(item: Entry) -> bool:
    return isinstance(item, ToolCallDelta) or (isinstance(item, BlockStop) and item.id is not None)


def _without_replaced(items: Sequence[Entry]) -> list[Entry]:
    """Walk back from the end, and leave out what something later replaces."""
    kept: list[Entry] = []
    later: dict[type, int] = {}  # the places, in `kept`, of what stands in for all of its kind before it
    for item in reversed(items):
        kind = type(item)
        if kind in _OWN:
            cursor = later.get(CursorMoved)
            later = {} if cursor is None else {CursorMoved: cursor}
        elif not _says_something(item, later):
            continue
        elif kind in _ANYWHERE or kind is ReasoningSignature:
            at = later.get(kind)
            merged = None if at is None else _replaced(item, kept[at])
            if at is not None and merged is not None:
                kept[at] = merged
                continue
            later[kind] = len(kept)
        _see(item, later, len(kept))
        kept.append(item)
    return kept[::-1]


def _see(item: Entry, later: dict[type, int], place: int) -> None:
    """Note what an item that is kept stands in for, and what before it nothing later replaces any more."""
    kind = type(item)
    if kind is BlockStop and cast("BlockStop", item).id is None:
        later[BlockStop] = place
    elif kind not in _ANYWHERE and not _is_in_call(item):
        later.pop(BlockStop, None)
    if kind is not ReasoningSignature and not _keeps_thought(item):
        later.pop(ReasoningSignature, None)


def _says_something(item: Entry, later: dict[type, int]) -> bool:
    if isinstance(item, BlockStop):
        return item.id is not None or BlockStop not in later
    return text_of(item) != ""


def _replaced(item: Entry, later: Entry) -> Entry | None:
    """Return what the two are together, in the place of the later one; None where one item can not say it."""
    if isinstance(item, UsageReport):
        return _both_reports(item, cast("UsageReport", later))
    if isinstance(item, ResponseStarted):
        named = cast("ResponseStarted", later)
        return ResponseStarted(named.response_id or item.response_id, named.model or item.model)
    return later


def _both_reports(first: UsageReport, then: UsageReport) -> UsageReport | None:
    """Fold two reports into one; see `usage.apply_report`: a total that is not said is what the counts add up to."""
    if then.cumulative is not first.cumulative or (not then.cumulative and first.total is None is not then.total):
        return None
    if then.cumulative and then.total is not None and then.total <= 0:
        return None  # what it leaves depends on what was known before both
    both = _last_count if then.cumulative else _added_counts
    return UsageReport(
        input=both(first.input, then.input),
        output=both(first.output, then.output),
        cached_input=both(first.cached_input, then.cached_input),
        cache_write=both(first.cache_write, then.cache_write),
        reasoning=both(first.reasoning, then.reasoning),
        total=None if then.total is None else both(first.total, then.total),
        cumulative=then.cumulative,
        service_tier=then.service_tier or first.service_tier,
    )


def _last_count(before: int | None, said: int | None) -> int | None:
    return before if said is None or (said <= 0 and before is not None and before > 0) else said


def _added_counts(before: int | None, said: int | None) -> int | None:
    if before is None or said is None:
        return said if before is None else before
    return clamp_tokens(max(before, 0) + max(said, 0))


def _joins(last: Entry, delta: Entry) -> bool:
    same = type(last) is type(delta)
    return same and (type(delta) is not ToolCallDelta or cast("ToolCallDelta", last).id == delta.id)


def text_of(item: Entry) -> str | None:
    """The text of a delta; None of anything else."""
    kind = type(item)
    if kind is TextDelta or kind is ReasoningDelta:
        return cast("TextDelta | ReasoningDelta", item).text
    return cast("ToolCallDelta", item).args_delta if kind is ToolCallDelta else None


def _joined(item: Entry, run: list[str]) -> Entry:
    return item if len(run) == 1 else with_text(item, "".join(run))


def with_text(item: Entry, text: str) -> Entry:
    """Return a delta with another text; anything else as it is."""
    match item:
        case TextDelta():
            return TextDelta(text)
        case ReasoningDelta():
            return ReasoningDelta(text)
        case ToolCallDelta(call_id):
            return ToolCallDelta(call_id, text)
        case _:
            return item
