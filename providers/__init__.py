"""One module a wire format: how requests are written, streams read, errors named. Pure: the engine does the I/O."""

from .anthropic.provider import Anthropic
from .by_name import from_name
from .error_table.table import error_words
from .gemini.provider import Gemini
from .gemini_interactions.provider import GeminiInteractions
from .models import ModelFacts
from .ollama.provider import Ollama
from .openai_chat.azure import AzureOpenAI
from .openai_chat.presets import VLLM, DeepSeek, Grok, Groq, LlamaCpp, LMStudio, Mistral, OpenRouter, SGLang
from .openai_chat.provider import OpenAIChat
from .openai_responses.provider import OpenAIResponses
from .wire.think_tags import split_thinking

__all__ = [
    "VLLM",
    "Anthropic",
    "AzureOpenAI",
    "DeepSeek",
    "Gemini",
    "GeminiInteractions",
    "Grok",
    "Groq",
    "LMStudio",
    "LlamaCpp",
    "Mistral",
    "ModelFacts",
    "Ollama",
    "OpenAIChat",
    "OpenAIResponses",
    "OpenRouter",
    "SGLang",
    "error_words",
    "from_name",
    "split_thinking",
]
