"""Seconds as they are written: a number, or a text with its unit."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

SECONDS = re.compile(r"^(\d{1,5}(?:\.\d{1,9})?)\s*s$")
"""``2s``, ``2.5 s``: the one unit that a time has here, in lengths as in cuts."""


class _WithUnit:
    """A number of seconds that may be written as a text with its unit; a number in quotes stays
    the text that it is, and is refused."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_number_of, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = handler(schema)
        return {"anyOf": [number, {"type": "string", "pattern": SECONDS.pattern}]}


WITH_UNIT = _WithUnit()


def _number_of(value: Any) -> Any:
    found = SECONDS.match(value.strip()) if isinstance(value, str) else None
    return value if found is None else float(found[1])
