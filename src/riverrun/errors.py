"""Every exception riverrun raises; the tree is at the top of the module that defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import publish_lazily

if TYPE_CHECKING:
    from .engine.core.errors import (
        AllModelsUnavailable,
        CheckpointMismatch,
        ContentFiltered,
        ContextOverflow,
        ContinuationRefused,
        EmptyResponse,
        InferenceCancelled,
        InferenceError,
        InferenceTimeout,
        InvalidRequest,
        ModelNotFound,
        Overloaded,
        ProviderError,
        QuotaExhausted,
        RateLimited,
        StoreError,
        StreamInterrupted,
        Unauthorized,
    )
    from .engine.core.usage_error import KeyUnusable, RiverrunError, UsageError

__all__ = [
    "AllModelsUnavailable",
    "CheckpointMismatch",
    "ContentFiltered",
    "ContextOverflow",
    "ContinuationRefused",
    "EmptyResponse",
    "InferenceCancelled",
    "InferenceError",
    "InferenceTimeout",
    "InvalidRequest",
    "KeyUnusable",
    "ModelNotFound",
    "Overloaded",
    "ProviderError",
    "QuotaExhausted",
    "RateLimited",
    "RiverrunError",
    "StoreError",
    "StreamInterrupted",
    "Unauthorized",
    "UsageError",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours
    __getattr__, __dir__ = publish_lazily(
        __name__,
        {
            "engine.core.errors": (
                "AllModelsUnavailable CheckpointMismatch ContentFiltered ContextOverflow ContinuationRefused "
                "EmptyResponse InferenceCancelled InferenceError InferenceTimeout InvalidRequest "
                "ModelNotFound Overloaded ProviderError QuotaExhausted RateLimited StoreError "
                "StreamInterrupted Unauthorized"
            ),
            "engine.core.usage_error": "KeyUnusable RiverrunError UsageError",
        },
    )
