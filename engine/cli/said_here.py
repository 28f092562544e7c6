"""What counts of a question that a file holds: whoever wrote the file says what is asked, and never where a key goes.

Rules:
- An address counts if this command says it, or if the provider would be asked there anyway: its class's own, or that of
  the user's environment.
- A variable that holds a key counts if this command names it, or if it is the provider's own.
- `allow_insecure` is this command's alone.
- `riverrun chat` writes one text as the question; what else a request may hold (tools, images, fields of the
  provider's) acts with the user's key, and somebody else wrote it.
"""

from __future__ import annotations

import argparse

from attrs import evolve, frozen

from ...providers.by_name import from_name, provider_classes
from ...providers.endpoint import check_base_url
from ..core.messages import TextBlock
from ..core.printable import printable
from ..core.request import InferenceRequest
from ..core.usage_error import UsageError
from .chat import check_variable
from .exit_codes import SayItHere
from .journal_file import Question
from .providers import key_variables
from .shell import option, shell_word

_URL_CHARS_MAX = 300
"""A longer address is not offered: nobody reads it to its end before typing it."""


def question_to_ask(stored: Question, args: argparse.Namespace, run_id: str) -> Question:
    """Return a stored question with what this command says about where it goes.

    Raises:
        SayItHere: the file says more than counts; the message names what, and the remedy is the command that says it.
        UsageError: its request is none of `riverrun chat`'s.
    """
    _require_ours(stored.request, run_id)
    variable = check_variable(args.api_key_env)
    unsaid = _Unsaid(
        None if args.base_url is not None or _is_own_address(stored) else stored.base_url,
        None if variable is not None or _is_own_variable(stored) else stored.api_key_env,
    )
    if unsaid != _Unsaid():
        raise _say_it_here(unsaid, stored, args, run_id)
    return evolve(
        stored,
        base_url=stored.base_url if args.base_url is None else args.base_url,
        api_key_env=variable or stored.api_key_env,
        allow_insecure=args.allow_insecure,
    )


@frozen
class _Unsaid:
    """What only the file says."""

    base_url: str | None = None
    api_key_env: str | None = None


def _require_ours(request: InferenceRequest, run_id: str) -> None:
    blocks = [block for message in request.messages for block in message.content]
    if request.tools or request.extra or len(blocks) != 1 or not isinstance(blocks[0], TextBlock):
        raise UsageError(
            f"the question of run '{printable(run_id)}' holds more than text; expected what riverrun chat stores: ask "
            "it from a program of yours"
        )


def _is_own_address(stored: Question) -> bool:
    """Whether the provider would be asked there without being told."""
    try:  # with a stand-in: the address is looked at, and no key
        own = str(getattr(from_name(stored.model, api_key="stand-in-for-the-key"), "base_url", ""))
        return stored.base_url is not None and stored.base_url.rstrip("/") == own.rstrip("/")
    except UsageError:  # no such provider, or one that has no address of its own: told when it is made
        return False


def _is_own_variable(stored: Question) -> bool:
    made = provider_classes().get(stored.model.partition("/")[0])
    return made is not None and stored.api_key_env in key_variables(made)


def _say_it_here(unsaid: _Unsaid, stored: Question, args: argparse.Namespace, run_id: str) -> SayItHere:
    says, flags = list[str](), list[str]()
    if unsaid.base_url is not None:
        says.append(f"asks at '{printable(unsaid.base_url, _URL_CHARS_MAX)}'")
        flags.append("--base-url")
    if unsaid.api_key_env is not None:
        says.append(f"takes the key from '{printable(unsaid.api_key_env)}'")
        flags.append("--api-key-env")
    message = (
        f"run '{printable(run_id)}' {' and '.join(says)}: so says the file, and a key goes only where this command "
        f"says; expected {' and '.join(flags)}"
    )
    return SayItHere(message, _remedy(unsaid, stored, args, run_id))


def _remedy(unsaid: _Unsaid, stored: Question, args: argparse.Namespace, run_id: str) -> str:
    """Offer the command that says it all, if all of it can be used."""
    address: str | None = args.base_url if unsaid.base_url is None else unsaid.base_url
    variable: str | None = args.api_key_env if unsaid.api_key_env is None else unsaid.api_key_env
    is_insecure: bool = args.allow_insecure or (unsaid.base_url is not None and stored.allow_insecure)
    if not _can_be_used(address, variable, is_insecure=is_insecure):
        return "what the file says can not be used; say where to ask: --base-url URL, --api-key-env NAME"
    words = ["riverrun resume", shell_word(run_id), option("--journal", args.journal)]
    words += [option("--base-url", address)] if address is not None else []
    words += [option("--api-key-env", variable)] if variable is not None else []
    words += [] if _can_be_used(address, variable, is_insecure=False) else ["--allow-insecure"]
    return f"if you wrote this file, or know who did: {' '.join(words)}"


def _can_be_used(address: str | None, variable: str | None, *, is_insecure: bool) -> bool:
    try:
        check_variable(variable)
        if address is not None:
            check_base_url(address, allow_insecure=is_insecure)
    except UsageError:
        return False
    return len(address or "") <= _URL_CHARS_MAX and len(variable or "") <= _URL_CHARS_MAX
