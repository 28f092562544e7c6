"""What the library says of an argument, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from riverrun.engine.cli.messages import ADVICE, FLAGS, in_flags
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.stores.sqlite import SQLiteStore
from riverrun.providers.by_name import from_name


def openai(model: str = "x", **options: object) -> Callable[[], object]:
    return lambda: from_name(f"openai/{model}", **{"api_key": "k", **options})


MESSAGES = {
    "--model is empty; expected the provider's name of a model": openai(""),
    "--base-url holds userinfo before the host; expected none: put the key into the environment (--api-key-env NAME)": (
        openai(base_url="https://me@example.com/v1")
    ),
    "--base-url is 'http://example.com', which is not encrypted; expected https://, a host on this machine, or "
    "--allow-insecure": openai(base_url="http://example.com"),
    "openai has no key: set NOWHERE in the environment": openai(api_key=None, api_key_env="NOWHERE"),
    "--model 'text-embedding-3-small' is for embeddings; expected one that chats": openai("text-embedding-3-small"),
    "azure has no endpoint: set AZURE_OPENAI_ENDPOINT in the environment, or give --base-url": lambda: from_name(
        "azure/x", api_key="k"
    ),
    "the journal's name is ':memory:'; expected the name of a file": lambda: SQLiteStore(":memory:"),
}


@pytest.mark.parametrize("words", MESSAGES)
def test_an_argument_is_called_by_its_flag(words: str) -> None:
    with pytest.raises(UsageError) as caught:
        MESSAGES[words]()
    assert in_flags(caught.value) == words
    assert not re.search(r"[a-z]+_[a-z]+=|[A-Z]\w+\(", words)


def test_a_message_about_no_argument_stays_as_it_is() -> None:
    assert in_flags(UsageError("model is what it is")) == "model is what it is"


def test_an_argument_may_end_its_message() -> None:
    error = UsageError("brook needs base_url", argument="base_url", advised="base_url", advice=", given as options")
    assert in_flags(error) == "brook needs --base-url"


def test_an_argument_within_a_message_is_left_alone() -> None:
    assert in_flags(UsageError("OLLAMA_HOST is 'base_url is'", argument="base_url")) == "OLLAMA_HOST is 'base_url is'"


def test_advice_for_python_is_left_out_where_a_command_line_can_not_follow_it() -> None:
    error = UsageError("path is 3", argument="path", advised="store", advice=": use MemoryStore()")
    assert str(error) == "path is 3: use MemoryStore()"
    assert in_flags(error) == "the journal's name is 3"


def test_every_word_of_the_table_is_for_a_command_line() -> None:
    assert not [words for words in (*FLAGS.values(), *ADVICE.values()) if re.search(r"\w_\w+=", words)]
