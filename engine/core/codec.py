"""Values to JSON and back, for what is stored or reported: one converter, one schema version.

Members of a closed union carry their class's name as `type`. Bytes are base64. Unknown fields are ignored (a newer
riverrun may have written them); an unknown `type` or a newer schema is a `CodecError` that says what was seen.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .causes import InterruptCause
from .events import Event
from .messages import AnswerBlock, Block, ImageBlock, TextBlock
from .planner import RecoveryPlan
from .printable import named, printable
from .stream_events import StreamEvent
from .usage_error import UsageError

if TYPE_CHECKING:
    import cattrs  # at run time where something is written or read: who asks without a store needs it not

SCHEMA_VERSION = 1

SEEN_CHARS_MAX = 80
"""How much of what was read a message may quote."""

T = TypeVar("T")


class CodecError(ValueError):
    """JSON that is not what it should be; the message names the field, and quotes its beginning at most."""


@cache
def converter(*, sparse: bool = False) -> cattrs.Converter:
    """Return the one converter, made once; a `sparse` one leaves out what has its default, and reads the same."""
    import cattrs
    from cattrs.strategies import configure_tagged_union

    made = cattrs.Converter(unstruct_collection_overrides={tuple: list}, omit_if_default=sparse)
    made.register_unstructure_hook(bytes, lambda data: base64.b64encode(data).decode("ascii"))
    made.register_structure_hook(bytes, lambda data, _: base64.b64decode(data))
    made.register_structure_hook(str, _text)
    _configure_text_or(made, tuple[TextBlock | ImageBlock, ...])
    # Parts before what is made of them: cattrs remembers how it writes a class from the first union that holds it.
    for optional in (InterruptCause, RecoveryPlan):
        _configure_optional(made, optional)
    for union in (TextBlock | ImageBlock, AnswerBlock, Block, InterruptCause, RecoveryPlan, StreamEvent, Event):
        configure_tagged_union(union, made, tag_name="type")
    return made


def _text(value: object, kind: type[str]) -> str:
    """Read a text, or a member of an enumeration of texts; of null, cattrs would make the text "None"."""
    if not isinstance(value, str):
        raise TypeError
    return kind(value)


def _configure_text_or(made: cattrs.Converter, blocks: Any) -> None:
    """Teach a converter what a tool answers: text, or blocks of it."""

    def read(value: Any, _kind: Any) -> Any:
        return value if isinstance(value, str) else made.structure(value, blocks)

    def write(value: Any) -> Any:
        return value if isinstance(value, str) else made.unstructure(value, unstructure_as=blocks)

    made.register_structure_hook_func(lambda kind: kind == str | blocks, read)
    made.register_unstructure_hook_func(lambda kind: kind == str | blocks, write)


def _configure_optional(made: cattrs.Converter, union: Any) -> None:
    """Teach a converter `union | None`, which Python flattens into one union that nobody has configured."""

    def read(value: Any, _kind: Any) -> Any:
        return None if value is None else made.structure(value, union)

    def write(value: Any) -> Any:
        return None if value is None else made.unstructure(value, unstructure_as=union)

    made.register_structure_hook_func(lambda kind: kind == union | None, read)
    made.register_unstructure_hook_func(lambda kind: kind == union | None, write)


def to_json(value: object, kind: Any = None) -> str:
    """Write one value of the vocabulary as JSON text: ASCII, so that a lone surrogate survives as an escape.

    `kind` is its declared type where that is a union (`Event`, say); its class otherwise.
    """
    body = converter().unstructure(value, unstructure_as=kind if kind is not None else type(value))
    return json.dumps({"schema": SCHEMA_VERSION, "value": body}, separators=(",", ":"), allow_nan=False)


def from_json(text: str | bytes, kind: type[T]) -> T:
    """Read what `to_json` wrote. Raises CodecError: not JSON, a newer schema, or another kind of value."""
    try:
        held: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"{len(text)} characters that are not JSON; expected a value of riverrun's") from error
    plain = cast("dict[str, object]", held) if isinstance(held, dict) else {}
    schema = plain.get("schema")
    if schema != SCHEMA_VERSION:
        told = named(repr(schema))
        raise CodecError(f"schema {told} seen, {SCHEMA_VERSION} expected: was it written by a newer riverrun?")
    return cast("T", structure(plain.get("value"), kind))


def structure(value: object, kind: Any) -> Any:
    """Build a value of the vocabulary from plain JSON values. Raises CodecError."""
    try:
        return converter().structure(value, kind)
    except RecursionError:
        raise CodecError("a value nested too deep") from None
    except Exception as error:  # cattrs gives groups of whatever the hooks raised
        name = getattr(kind, "__name__", "value")
        raise CodecError(f"no {name} of schema {SCHEMA_VERSION}: {_complaint(error)}") from error


def _complaint(error: Exception) -> str:
    """Say what is wrong with the first field that is, and where: `'model' is missing or unknown, at request.model`."""
    import cattrs

    said = cattrs.transform_error(error, path="", format_exception=_worded)
    what, _, path = said[0].partition(" @ ")
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    return what + (f", at {_cut(path.removeprefix('.'))}" if path else "") + more


def _worded(error: BaseException, kind: type[Any] | None) -> str:
    if isinstance(error, UsageError):  # a value's own words: what was seen comes first, and may be long
        seen, mark, expected = str(error).partition("; expected ")
        return _cut(seen) + mark + expected
    if isinstance(error, KeyError):  # a field that is not there, or a `type` that its union does not have
        return f"{_cut(repr(error.args[0]))} is missing or unknown"
    return f"expected {_cut(getattr(kind, '__name__', str(kind)))}" if kind is not None else "of another type"


def _cut(text: str) -> str:
    return printable(text, SEEN_CHARS_MAX)


def unstructure(value: object, kind: Any, *, sparse: bool = False) -> Any:
    """Turn a value of the vocabulary into plain JSON values; a `sparse` one without the fields that have defaults."""
    return _writer(kind, sparse=sparse)(value)


@cache
def _writer(kind: Any, *, sparse: bool) -> Callable[[object], Any]:
    """Return what writes values of a declared type, found once: looking it up costs as much as writing a small one."""
    return converter(sparse=sparse).get_unstructure_hook(kind)
