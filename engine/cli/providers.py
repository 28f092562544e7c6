"""`riverrun providers`: every provider class, what it declares, and whether its keys are in the environment.

Everything comes from the classes themselves: each is made once with a stand-in for the key, and asked what it would
send where. What a class says of itself besides (`title`, `api_key_envs`, `reasoning`, `usage`) is shown where it does.
A key is tested for being there and never read further; nothing is sent.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import asdict, evolve, frozen

from ..core.capabilities import ContinuationForm
from ..core.messages import Message
from ..core.printable import printable
from ..core.request import InferenceRequest
from ..core.secret import Secret
from ..core.usage_error import KeyUnusable, UsageError
from .exit_codes import ExitCode
from .streams import write_line

_STAND_IN_KEY = "stand-in-for-the-key"
_STAND_IN_MODEL = "model"
_NOT_SAID = "not said"
_URL_CHARS_MAX = 300


@frozen
class ProviderRow:
    """What is shown of one provider. `keys` says of each variable: set, not set or malformed.

    `needs_key` is False where a server on this machine is asked. `problem` says why the class could not be made here;
    then nothing is known that only the made provider tells.
    """

    name: str
    class_name: str
    wire_format: str
    keys: Mapping[str, str]
    reasoning: str
    usage: str
    base_url: str | None = None
    endpoint: str | None = None
    needs_key: bool = True
    continues: tuple[str, ...] = ()
    reattaches: str | None = None
    problem: str | None = None


def list_providers(args: argparse.Namespace) -> ExitCode:
    """Run the command. Raises UsageError for a name that is no provider's."""
    from ...providers.by_name import provider_classes

    name, _, model = (args.provider or "").partition("/")
    classes = provider_classes()
    if name and name not in classes:
        raise UsageError(f"{printable(name)!r} is no provider; expected one of {', '.join(classes)}")
    chosen = {name: classes[name]} if name else classes
    rows = [describe(each, made, model or _STAND_IN_MODEL) for each, made in chosen.items()]
    shown = json.dumps([asdict(row) for row in rows], indent=2) if args.json else "\n\n".join(_tables(rows, model))
    write_line(shown)
    return ExitCode.USAGE if model and rows[0].problem is not None else ExitCode.DONE


# -- what is known of a class -------------------------------------------------------------------------------------


def describe(name: str, made: type[Any], model: str) -> ProviderRow:
    """Say what a class declares for a model. Never raises UsageError: what hinders is the row's `problem`."""
    row = ProviderRow(
        name,
        made.__name__,
        str(getattr(made, "title", _NOT_SAID)),
        {variable: _state(variable) for variable in key_variables(made)},
        str(getattr(made, "reasoning", _NOT_SAID)),
        str(getattr(made, "usage", _NOT_SAID)),
    )
    try:
        return _with_what_it_does(row, made, model)
    except UsageError as error:
        return evolve(row, problem=printable(str(error)))


def key_variables(made: type[Any]) -> tuple[str, ...]:
    """Return the variables a class takes its key from: its `api_key_envs`, else the default of its option."""
    declared: tuple[str, ...] | None = getattr(made, "api_key_envs", None)
    if declared is not None:
        return tuple(declared)
    option = inspect.signature(made).parameters.get("api_key_env")
    return (option.default,) if option is not None and isinstance(option.default, str) else ()


def _state(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        return "not set"
    try:
        Secret(value)
    except KeyUnusable:
        return "malformed"
    return "set"


def _with_what_it_does(row: ProviderRow, made: type[Any], model: str) -> ProviderRow:
    from ...providers.by_name import from_name
    from ...providers.endpoint import is_loopback

    provider = from_name(f"{row.name}/{model}", api_key=_STAND_IN_KEY)
    request = InferenceRequest(Message.user("?"), max_tokens=1)
    declared, endpoint = provider.capabilities(request), provider.encode(request).url
    on_request = "where the request asks for it" if hasattr(made, "reattach") else "no"
    return evolve(
        row,
        base_url=printable(str(getattr(provider, "base_url", _NOT_SAID)), _URL_CHARS_MAX),
        endpoint=printable(endpoint, _URL_CHARS_MAX),
        needs_key=not is_loopback(urlsplit(endpoint).hostname or ""),
        continues=tuple(form.value for form in (*declared.forms, ContinuationForm.RESTART)),
        reattaches="yes" if declared.can_reattach else on_request,
    )


# -- tables -------------------------------------------------------------------------------------------------------


def _tables(rows: Sequence[ProviderRow], model: str) -> list[str]:
    about = (
        f"for {printable(model)}" if model else "for a model nobody knows; riverrun providers NAME/MODEL asks for yours"
    )
    where = [("PROVIDER", "CLASS", "WIRE FORMAT", "KEY", "BASE URL")]
    what = [("PROVIDER", "CONTINUES BY", "RE-ATTACHES", "REASONING", "USAGE")]
    for row in rows:
        wire = urlsplit(row.endpoint or "").path if row.wire_format == _NOT_SAID else row.wire_format
        where.append((row.name, row.class_name, wire or _NOT_SAID, _keys_words(row), row.base_url or "-"))
        what.append((row.name, ", ".join(row.continues) or "-", row.reattaches or "-", row.reasoning, row.usage))
    problems = [f"{row.name} can not be made here: {row.problem}" for row in rows if row.problem is not None]
    blocks = [_aligned(where), f"{about}:\n{_aligned(what)}", "\n".join(problems)]
    return [block for block in blocks if block]


def _keys_words(row: ProviderRow) -> str:
    keys = ", ".join(f"{variable}: {state}" for variable, state in row.keys.items()) or _NOT_SAID
    return keys if row.needs_key else f"{keys} (not needed)"


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)
