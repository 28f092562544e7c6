"""Providers by name: "anthropic/claude-…" is `Anthropic("claude-…")`.

There is no registry: every module of this package is looked at for classes that have what a provider has and a `name`,
so a provider is added by adding its file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from ..engine.core.provider import Provider
from ..engine.core.usage_error import UsageError

_MEMBERS = ("encode", "decoder", "classify", "capabilities")


def from_name(name: str, **options: object) -> Provider:
    """Make the provider that `name` names: its own name, a slash, and the model's (which may hold slashes).

    Args:
        name: "provider/model".
        options: keyword arguments of the provider's class, `api_key` or `base_url` say.

    Raises:
        UsageError: no such provider (the message lists those that exist), or what its class raises.
        TypeError: an option that the class does not take.
    """
    provider, slash, model = name.partition("/")
    classes = provider_classes()
    if not slash or provider not in classes:
        raise UsageError(f"{name!r} names no provider; expected one of {', '.join(f'{n}/<model>' for n in classes)}")
    made: Provider = classes[provider](model, **options)
    return made


@cache
def provider_classes() -> dict[str, type[Any]]:
    """Return the provider classes of this package by name, sorted."""
    package = __name__.rpartition(".")[0]
    found: dict[str, type[Any]] = {}
    for module_info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and _is_provider(value):
                found[getattr(value, "name")] = value  # noqa: B009 - a class is no instance of the protocol
    return dict(sorted(found.items()))


def _is_provider(value: type) -> bool:
    return isinstance(getattr(value, "name", None), str) and all(hasattr(value, member) for member in _MEMBERS)
