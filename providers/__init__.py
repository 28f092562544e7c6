"""One module a wire format: how requests are written, streams read, refusals named. Pure: the engine does the I/O."""

from .anthropic import Anthropic
from .by_name import from_name
from .openai_chat import OpenAIChat

__all__ = ["Anthropic", "OpenAIChat", "from_name"]
