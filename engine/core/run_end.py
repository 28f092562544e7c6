"""Which of several claims on the end of a run counts: another owner's, the provider's, the store's."""

from __future__ import annotations

from .effects import End, Fail, Finish


def end_of_owner(end: End, fenced: Exception | None) -> End:
    """Say how a run ends when another process may own it: a whole answer stands, nothing else does."""
    return end if fenced is None or isinstance(end, Finish) else Fail(fenced)


def end_as_stored(end: End, *, is_stored: bool, unstored: Exception) -> End:
    """Say how a run ends that shows nothing that is not stored, once its last write succeeded or failed.

    An error that there is already says more than that it could not be stored.
    """
    return end if is_stored or isinstance(end, Fail) else Fail(unstored)
