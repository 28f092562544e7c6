"""What the author of a provider, an event source, a transport or a store needs: events, readers, wire values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import publish_lazily

if TYPE_CHECKING:
    from .engine.core.codec import CodecError, structure, unstructure
    from .engine.core.failures import Failure, FailureKind
    from .engine.core.framing import NDJSONReader, ServerSentEvent, SSEReader
    from .engine.core.ignored import Ignored
    from .engine.core.partial_json import NOTHING, preview
    from .engine.core.printable import printable
    from .engine.core.provider import ErrorResponse, WireRequest
    from .engine.core.run_rules import Planner
    from .engine.core.secret import Secret
    from .engine.core.stream_events import (
        AnswerRestarted,
        BlockStop,
        CursorMoved,
        KeepAlive,
        OpaqueBlockReceived,
        ProviderStatus,
        ReasoningSignature,
        RedactedReasoning,
        ResponseStarted,
        ServerToolStarted,
        StopReported,
        StreamEvent,
        StreamFailed,
    )
    from .engine.core.usage import UsageReport
    from .engine.core.wire_fields import WireFields
    from .engine.http.transport_error import TransportError
    from .engine.stores.store import (
        ENTRY_BYTES_MAX,
        OpenedJournal,
        StaleFence,
        StoreUnreachable,
        require_fence,
        require_next,
        require_run,
        require_same,
        require_size,
    )
    from .providers.by_name import provider_classes
    from .providers.endpoint import Endpoint, check_model, open_endpoint
    from .providers.error_table.classify import failure_of_response
    from .providers.error_table.table import error_words
    from .providers.wire.json import count_at, list_at, object_at, read_object, text_at
    from .providers.wire.surrogates import SurrogateJoiner
    from .providers.wire.think_tags import split_thinking

__all__ = [
    "ENTRY_BYTES_MAX",
    "NOTHING",
    "AnswerRestarted",
    "BlockStop",
    "CodecError",
    "CursorMoved",
    "Endpoint",
    "ErrorResponse",
    "Failure",
    "FailureKind",
    "Ignored",
    "KeepAlive",
    "NDJSONReader",
    "OpaqueBlockReceived",
    "OpenedJournal",
    "Planner",
    "ProviderStatus",
    "ReasoningSignature",
    "RedactedReasoning",
    "ResponseStarted",
    "SSEReader",
    "Secret",
    "ServerSentEvent",
    "ServerToolStarted",
    "StaleFence",
    "StopReported",
    "StoreUnreachable",
    "StreamEvent",
    "StreamFailed",
    "SurrogateJoiner",
    "TransportError",
    "UsageReport",
    "WireFields",
    "WireRequest",
    "check_model",
    "count_at",
    "error_words",
    "failure_of_response",
    "list_at",
    "object_at",
    "open_endpoint",
    "preview",
    "printable",
    "provider_classes",
    "read_object",
    "require_fence",
    "require_next",
    "require_run",
    "require_same",
    "require_size",
    "split_thinking",
    "structure",
    "text_at",
    "unstructure",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours
    __getattr__, __dir__ = publish_lazily(
        __name__,
        {
            "engine.core.codec": "CodecError structure unstructure",
            "engine.core.failures": "Failure FailureKind",
            "engine.core.framing": "NDJSONReader SSEReader ServerSentEvent",
            "engine.core.ignored": "Ignored",
            "engine.core.partial_json": "NOTHING preview",
            "engine.core.printable": "printable",
            "engine.core.provider": "ErrorResponse WireRequest",
            "engine.core.run_rules": "Planner",
            "engine.core.secret": "Secret",
            "engine.core.stream_events": (
                "AnswerRestarted BlockStop CursorMoved KeepAlive OpaqueBlockReceived ProviderStatus "
                "ReasoningSignature RedactedReasoning ResponseStarted ServerToolStarted StopReported "
                "StreamEvent StreamFailed"
            ),
            "engine.core.usage": "UsageReport",
            "engine.core.wire_fields": "WireFields",
            "engine.http.transport_error": "TransportError",
            "engine.stores.store": (
                "ENTRY_BYTES_MAX OpenedJournal StaleFence StoreUnreachable require_fence require_next "
                "require_run require_same require_size"
            ),
            "providers.by_name": "provider_classes",
            "providers.endpoint": "Endpoint check_model open_endpoint",
            "providers.error_table.classify": "failure_of_response",
            "providers.error_table.table": "error_words",
            "providers.wire.json": "count_at list_at object_at read_object text_at",
            "providers.wire.surrogates": "SurrogateJoiner",
            "providers.wire.think_tags": "split_thinking",
        },
    )
