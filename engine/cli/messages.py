"""Messages of the library in the words of the command line: what is a keyword there is a flag here."""

from __future__ import annotations

import re

_WORDS = [
    (r"allow_insecure=True", "--allow-insecure"),
    (r"give api_key=, or set", "set"),
    (r"give the key as api_key=", "put the key into the environment (--api-key-env NAME)"),
    (r"give azure_endpoint=, or set", "give --base-url, or set"),
    (r"take OpenAIResponses instead of OpenAIChat", "take -m openai-responses/MODEL instead of openai/MODEL"),
    (r" \(if it does chat, give facts=ModelFacts\(\)\)", ""),
    (r": use MemoryStore\(\) for a store in memory", ""),
    (r"; give provider=…", "; a test can name its provider: recorded(FILE, provider=…)"),
    (r"^path is", "the journal's name is"),
    (r"\bbase_url\b", "--base-url"),
    (r"^model (?=is )", "--model "),
]
"""What a message of a UsageError says, and what it says here. Numbers are checked before: see `options`."""


def in_flags(message: str) -> str:
    """Return a message as whoever types commands understands it."""
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    return message
