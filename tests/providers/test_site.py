"""What all providers take by keyword, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.messages import Message
from riverrun.engine.core.request import InferenceRequest
from riverrun.providers.by_name import from_name, provider_classes
from riverrun.providers.site import SiteOptions

KEY = "sk-canary-0123456789"
AT = "http://localhost:9"
each_class = pytest.mark.parametrize("made", provider_classes().values(), ids=provider_classes())


@each_class
def test_every_provider_takes_what_all_take(made: type[Any]) -> None:
    declared = Capabilities(forms=(ContinuationForm.QUOTE,))
    options: SiteOptions = {
        "api_key": KEY,
        "base_url": AT,
        "api_key_env": "MY_KEY",
        "headers": {"x-more": "1"},
        "allow_insecure": True,
        "client": KEY,
        "capabilities": declared,
        "ends_without_finish": True,
    }
    assert set(options) == set(SiteOptions.__annotations__)
    provider = from_name(f"{made.name}/m", **options)
    assert isinstance(provider, made)
    assert getattr(provider, "client", None) == KEY
    assert provider.capabilities(InferenceRequest([Message.user("x")])).ends_without_finish
    assert repr(provider).startswith(f"{made.__name__}('m', base_url='{AT}")


@each_class
def test_a_keyword_that_is_none_is_refused_as_python_does(made: type[Any]) -> None:
    with pytest.raises(TypeError, match=rf"{made.__name__}\(\) got an unexpected keyword argument 'api_kye'"):
        made("m", api_kye=KEY, base_url=AT)


@each_class
def test_where_a_provider_is_can_not_be_assigned(made: type[Any]) -> None:
    provider = made("m", api_key=KEY, base_url=AT)
    for name in ("base_url", "origin"):
        with pytest.raises(AttributeError):
            setattr(provider, name, "elsewhere")
