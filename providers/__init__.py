"""One module a wire format: how requests are written, streams read, refusals named. Pure: the engine does the I/O."""

from .anthropic import Anthropic
from .by_name import from_name
from .compatible import VLLM, DeepSeek, Grok, Groq, LlamaCpp, LMStudio, Mistral, OpenRouter, SGLang
from .compatible_azure import AzureOpenAI
from .gemini import Gemini
from .gemini_interactions import GeminiInteractions
from .models import ModelFacts
from .ollama import Ollama
from .openai_chat import OpenAIChat
from .openai_responses import OpenAIResponses
from .refusal_table import refusal_words
from .think_tags import split_thinking

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
    "from_name",
    "refusal_words",
    "split_thinking",
]
