"""What an answer held that was not understood and changed nothing: counted by kind, so that it can be seen.

Where the bytes leave one meaning, it is taken and what was odd is counted here; where they leave two, the stream is
malformed. A decoder counts in its `ignored`, and `AttemptRecord.ignored` tells the counts of an attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import islice
from types import MappingProxyType

from .printable import printable
from .secret import Secret

KINDS_MAX = 64
"""More kinds of one attempt are not told: a decoder of somebody else's may name them after what was received."""
KIND_CHARS_MAX = 80
"""A longer name is cut."""

NOTHING_IGNORED: Mapping[str, int] = MappingProxyType({})
"""Of an attempt in which everything was understood."""


class Ignored(StrEnum):
    """The kinds that our decoders count; another decoder may have words of its own."""

    AFTER_END = "said after the end"
    UNKNOWN_EVENT = "an event of no known kind"
    UNKNOWN_PART = "a part of no known kind"
    UNKNOWN_DELTA = "a delta of no known kind"
    LOSSY_BLOCK = "a block that can not go back, for a part of it was not understood"
    OTHER_CHOICE = "another choice than the first"
    EMPTY_CALL = "a call without id, name and arguments"
    UNNAMED_CALL = "a call that is no function's"
    TOLD_AGAIN = "told before, and told again"
    CALL_ID_AGAIN = "the id of an earlier call"
    NAME_IN_PARTS = "a part of a call's name"
    ARGUMENTS_LATE = "arguments after empty ones"
    NULL_ARGUMENTS = "null for no arguments"
    INDEX_ODD = "an index that was left out, used again or shared"
    OTHER_KIND = "a delta of another kind than its block"
    UNTYPED = "a delta or an event without its type"
    STOP_UNKNOWN = "a stop of what is not open"
    STOP_MISSING = "a call that only the end of the answer closed"
    TERMINAL_NAME = "the end under another name"
    NO_REASON = "a finish reason that says none"
    EMPTY_LINE = "a line without anything in it"
    NO_FRAME = "a line that is no object"
    BROKEN_FRAME = "an object that can not be read, after the stop reason"
    BARE_FRAME = "an object without its data:"
    PREFIX_TWICE = "a line whose data: stands twice"
    KEY_TWICE = "a key twice in one object, with one value"
    COUNTS = "counts that can not be believed"
    LABELLED_JSON = "a stream labelled as JSON"
    WHOLE_ANSWER = "an answer in one piece where a stream was asked for"
    STREAM_UNASKED = "a stream where an answer in one piece was asked for"
    CODED_BODY = "a coded body where none was asked for"


def told_counts(counts: Mapping[str, int], secrets: Sequence[Secret] = (), *, told_again: int = 0) -> Mapping[str, int]:
    """Copy a decoder's counts as they are told: printable, bounded, and only what was counted.

    `told_again` is how many calls were, as the run saw it.
    """
    if told_again:
        counts = {**counts, Ignored.TOLD_AGAIN: counts.get(Ignored.TOLD_AGAIN, 0) + told_again}
    if not counts:
        return NOTHING_IGNORED
    some = islice(((kind, count) for kind, count in counts.items() if count > 0), KINDS_MAX)
    return {printable(str(kind), KIND_CHARS_MAX, secrets=secrets): count for kind, count in some}
