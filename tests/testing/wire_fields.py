"""The fields of all wire formats at once, for bodies of any."""

from __future__ import annotations

from functools import reduce
from operator import or_

from riverrun.engine.core.wire_fields import WireFields
from riverrun.providers.by_name import provider_classes

ALL_FIELDS: WireFields = reduce(or_, (made.wire_fields for made in provider_classes().values()))
