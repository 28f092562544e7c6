"""riverrun keeps one LLM answer flowing, whole and exactly once: the public names, each loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import abc, causes, errors, lowlevel, testing
from ._lazy import publish_lazily

if TYPE_CHECKING:
    from .engine.core.capabilities import Capabilities, ContinuationForm
    from .engine.core.causes import InterruptCause
    from .engine.core.errors import InferenceError, StoreError, StreamInterrupted
    from .engine.core.events import (
        Event,
        Finished,
        Interrupted,
        Resumed,
        RetryScheduled,
        Status,
        StreamReset,
        ToolCallCancel,
        ToolCallReady,
        UsageUpdate,
    )
    from .engine.core.messages import (
        Block,
        ImageBlock,
        Message,
        OpaqueBlock,
        ReasoningBlock,
        Role,
        TextBlock,
        Tool,
        ToolCall,
        ToolResult,
    )
    from .engine.core.planner import (
        ContinueText,
        Reattach,
        RecoveryPlan,
        SynthesizeToolUse,
        TruncateBeforeTool,
        WholeRestart,
        plan_recovery,
    )
    from .engine.core.policy import CheckpointPolicy, Jitter, Limits, Policy, RetryPolicy, StallPolicy, Throughput
    from .engine.core.replay import replay_events
    from .engine.core.request import InferenceRequest, ToolChoice
    from .engine.core.result import AttemptRecord, SeamVerdict, StreamResult
    from .engine.core.snapshot import InFlightTool, InterruptSnapshot
    from .engine.core.stop import StopReason
    from .engine.core.stream_events import ReasoningDelta, TextDelta, ToolCallDelta, ToolCallStart
    from .engine.core.usage import TokenUsage
    from .engine.core.usage_error import RiverrunError, UsageError
    from .engine.engine import Engine
    from .engine.recording.recorder import Recorder
    from .engine.run.run import Run
    from .engine.stores.memory import MemoryStore
    from .engine.stores.sqlite import SQLiteStore
    from .providers.anthropic.provider import Anthropic
    from .providers.by_name import from_name
    from .providers.gemini.provider import Gemini
    from .providers.gemini_interactions.provider import GeminiInteractions
    from .providers.models import ModelFacts
    from .providers.ollama.provider import Ollama
    from .providers.openai_chat.azure import AzureOpenAI
    from .providers.openai_chat.presets import (
        VLLM,
        DeepSeek,
        Grok,
        Groq,
        LlamaCpp,
        LMStudio,
        Mistral,
        OpenRouter,
        SGLang,
    )
    from .providers.openai_chat.provider import OpenAIChat
    from .providers.openai_responses.provider import OpenAIResponses

__version__ = "0.1.0"

__all__ = [
    "VLLM",
    "Anthropic",
    "AttemptRecord",
    "AzureOpenAI",
    "Block",
    "Capabilities",
    "CheckpointPolicy",
    "ContinuationForm",
    "ContinueText",
    "DeepSeek",
    "Engine",
    "Event",
    "Finished",
    "Gemini",
    "GeminiInteractions",
    "Grok",
    "Groq",
    "ImageBlock",
    "InFlightTool",
    "InferenceError",
    "InferenceRequest",
    "InterruptCause",
    "InterruptSnapshot",
    "Interrupted",
    "Jitter",
    "LMStudio",
    "Limits",
    "LlamaCpp",
    "MemoryStore",
    "Message",
    "Mistral",
    "ModelFacts",
    "Ollama",
    "OpaqueBlock",
    "OpenAIChat",
    "OpenAIResponses",
    "OpenRouter",
    "Policy",
    "ReasoningBlock",
    "ReasoningDelta",
    "Reattach",
    "Recorder",
    "RecoveryPlan",
    "Resumed",
    "RetryPolicy",
    "RetryScheduled",
    "RiverrunError",
    "Role",
    "Run",
    "SGLang",
    "SQLiteStore",
    "SeamVerdict",
    "StallPolicy",
    "Status",
    "StopReason",
    "StoreError",
    "StreamInterrupted",
    "StreamReset",
    "StreamResult",
    "SynthesizeToolUse",
    "TextBlock",
    "TextDelta",
    "Throughput",
    "TokenUsage",
    "Tool",
    "ToolCall",
    "ToolCallCancel",
    "ToolCallDelta",
    "ToolCallReady",
    "ToolCallStart",
    "ToolChoice",
    "ToolResult",
    "TruncateBeforeTool",
    "UsageError",
    "UsageUpdate",
    "WholeRestart",
    "__version__",
    "abc",
    "causes",
    "errors",
    "from_name",
    "lowlevel",
    "plan_recovery",
    "replay_events",
    "testing",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours
    __getattr__, __dir__ = publish_lazily(
        __name__,
        {
            "engine.core.capabilities": "Capabilities ContinuationForm",
            "engine.core.causes": "InterruptCause",
            "engine.core.errors": "InferenceError StoreError StreamInterrupted",
            "engine.core.events": (
                "Event Finished Interrupted Resumed RetryScheduled Status StreamReset ToolCallCancel "
                "ToolCallReady UsageUpdate"
            ),
            "engine.core.messages": (
                "Block ImageBlock Message OpaqueBlock ReasoningBlock Role TextBlock Tool ToolCall ToolResult"
            ),
            "engine.core.planner": (
                "ContinueText Reattach RecoveryPlan SynthesizeToolUse TruncateBeforeTool WholeRestart plan_recovery"
            ),
            "engine.core.policy": ("CheckpointPolicy Jitter Limits Policy RetryPolicy StallPolicy Throughput"),
            "engine.core.replay": "replay_events",
            "engine.core.request": "InferenceRequest ToolChoice",
            "engine.core.result": "AttemptRecord SeamVerdict StreamResult",
            "engine.core.snapshot": "InFlightTool InterruptSnapshot",
            "engine.core.stop": "StopReason",
            "engine.core.stream_events": "ReasoningDelta TextDelta ToolCallDelta ToolCallStart",
            "engine.core.usage": "TokenUsage",
            "engine.core.usage_error": "RiverrunError UsageError",
            "engine.engine": "Engine",
            "engine.recording.recorder": "Recorder",
            "engine.run.run": "Run",
            "engine.stores.memory": "MemoryStore",
            "engine.stores.sqlite": "SQLiteStore",
            "providers.anthropic.provider": "Anthropic",
            "providers.by_name": "from_name",
            "providers.gemini.provider": "Gemini",
            "providers.gemini_interactions.provider": "GeminiInteractions",
            "providers.models": "ModelFacts",
            "providers.ollama.provider": "Ollama",
            "providers.openai_chat.azure": "AzureOpenAI",
            "providers.openai_chat.presets": ("DeepSeek Grok Groq LMStudio LlamaCpp Mistral OpenRouter SGLang VLLM"),
            "providers.openai_chat.provider": "OpenAIChat",
            "providers.openai_responses.provider": "OpenAIResponses",
        },
    )
