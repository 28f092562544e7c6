"""A policy that a command names: a TOML or JSON file, or an attribute of a module."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import attrs

from ...bounded_file import read_bounded
from ...core.codec import CodecError, structure
from ...core.policy import Policy, Throughput
from ...core.usage_error import UsageError

FILE_BYTES_MAX = 64 * 1024
"""The largest file that is read; a policy has a few hundred bytes."""


def policy_named(name: str) -> Policy:
    """Find a policy. Raises UsageError: what stood in the way, and what was expected."""
    if ":" in name and not os.path.exists(name):
        return _attribute(name)
    data = read_bounded(name, FILE_BYTES_MAX, "a policy in TOML or JSON, or module:attribute")
    try:
        text = data.decode()
        told: object = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # both decoders raise kinds of ValueError
        raise UsageError(f"{name} is no policy: {error}; expected TOML, or JSON in a file called *.json") from error
    if not isinstance(told, dict):
        raise UsageError(f"{name} is no policy: it holds no table; expected [stall], [retry], …")
    table = cast("Mapping[str, Any]", told)
    _require_known(name, "", table, Policy)
    try:
        return cast("Policy", structure(table, Policy))
    except CodecError as error:
        raise UsageError(f"{name} is no policy: {error}") from error


def _require_known(file: str, place: str, told: Mapping[str, Any], kind: type[attrs.AttrsInstance]) -> None:
    """A name that is not known would be left out in silence: it is mistyped, most likely."""
    fields = attrs.fields_dict(kind)
    for name, value in told.items():
        if name not in fields:
            where = f" in [{place}]" if place else ""
            raise UsageError(f"{file} says {name}{where}; expected one of: {', '.join(fields)}")
        if isinstance(value, dict):
            inner = Throughput if name == "throughput" else fields[name].default
            inner_kind = inner if isinstance(inner, type) else type(inner)
            if attrs.has(inner_kind):
                _require_known(file, name, cast("Mapping[str, Any]", value), inner_kind)


def _attribute(name: str) -> Policy:
    """Find it in a module that the command names, in the current folder too, which comes last."""
    module, _, attribute = name.partition(":")
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    try:
        found: object = getattr(import_module(module), attribute, None)
    except Exception as error:  # whatever a stranger's module raises while it is imported
        raise UsageError(f"policy {name!r} can not be found: {type(error).__name__}: {error}") from error
    if not isinstance(found, Policy):
        seen = "is not there" if found is None else f"is of type {type(found).__name__}"
        raise UsageError(f"policy {name!r} can not be used: {attribute} {seen}; expected a riverrun.Policy")
    return found
