"""Providers by name: "anthropic/claude-…" is `Anthropic("claude-…")`.

There is no registry: every module of this package is looked at for classes that have what a provider has and a `name`,
so a provider is added by adding its file, or its folder.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..engine.core.printable import printable
from ..engine.core.provider import Provider
from ..engine.core.usage_error import UsageError

_MEMBERS = ("encode", "decoder", "classify", "capabilities")


def from_name(name: str, **options: object) -> Provider:
    """Make the provider that `name` names: its own name, a slash, and the model's (which may hold slashes).

    The key comes from `api_key`, else from the environment: the variable `api_key_env` names, else the provider's usual
    ones (`riverrun providers` lists them). A server on this machine needs none. The engine's client heeds the proxy
    variables of the environment, but for this machine: docs/hardening.md.

    Args:
        name: "provider/model".
        options: keyword arguments of the provider's class, `api_key`, `api_key_env` or `base_url` say.

    Raises:
        KeyUnusable: the key is missing (the message names the variable) or malformed.
        UsageError: no such provider (the message lists those that exist), an option that its class does not take (the
            message lists those it takes), or what the class raises.
    """
    provider, slash, model = name.partition("/")
    classes = provider_classes()
    if not slash or provider not in classes:
        raise UsageError(_unknown(name, provider, list(classes)))
    _check_options(classes[provider], provider, options)
    made: Provider = classes[provider](model, **options)
    return made


def _unknown(name: str, provider: str, known: list[str]) -> str:
    near = difflib.get_close_matches(provider.lower()[:_NAME_CHARS_MAX], known, n=1)
    meant = f"did you mean {near[0]}/…? " if near else ""
    listed = ", ".join(f"{each}/<model>" for each in known)
    return f"'{printable(name)}' names no provider; {meant}expected one of {listed}"


def _check_options(made: type[Any], provider: str, options: Mapping[str, object]) -> None:
    """Refuse what a class does not take, and say what is missing. Values are never shown: one may be a key."""
    parameters = _options_of(made)
    takes = [each.name for each in parameters]
    unknown = [option for option in options if option not in takes]
    if unknown:
        near = difflib.get_close_matches(unknown[0], takes, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise UsageError(f"{provider} takes no {', '.join(unknown)}{meant}; expected some of {', '.join(takes)}")
    missing = [each.name for each in parameters if each.default is each.empty and each.name not in options]
    if missing:
        raise UsageError(
            f"{provider} needs {', '.join(missing)}",
            argument=missing[0],
            advised=missing[0],
            advice=", given as options",
        )


def _options_of(made: type[Any]) -> list[inspect.Parameter]:
    """The options of a class; where it hands on what it does not know (`**options`), those of its parents too."""
    found: dict[str, inspect.Parameter] = {}
    for parent in made.__mro__:
        parameters = inspect.signature(parent).parameters.values()
        for each in parameters:
            if each.kind is each.KEYWORD_ONLY:
                found.setdefault(each.name, each)
        if not any(each.kind is each.VAR_KEYWORD for each in parameters):
            break
    return list(found.values())


@cache
def provider_classes() -> dict[str, type[Any]]:
    """Return the provider classes of this package by name, sorted: those in its files, and in those of its folders."""
    package = __name__.rpartition(".")[0]
    found: dict[str, type[Any]] = {}
    for module_info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        for value in vars(importlib.import_module(module_info.name)).values():
            if isinstance(value, type) and _is_provider(value):
                found[getattr(value, "name")] = value  # noqa: B009 - a class is no instance of the protocol
    return dict(sorted(found.items()))


def _is_provider(value: type) -> bool:
    return isinstance(getattr(value, "name", None), str) and all(hasattr(value, member) for member in _MEMBERS)


_NAME_CHARS_MAX = 200
