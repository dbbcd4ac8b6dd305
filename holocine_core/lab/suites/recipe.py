"""A suite with its gates, as a file: what a model has to show, and how well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from holocine_core.errors import InputError
from holocine_core.sampling import Frozen
from holocine_core.script.screenplay import Text
from holocine_core.shipped.names import SUITES, file_meant, is_name
from holocine_core.train.recipe_file import read_recipe


class SuiteRecipe(Frozen):
    """An evaluation of a model of the drawn world."""

    suite: Text
    """``stage:SEED:COUNT``."""
    min: dict[Text, float] = Field(default_factory=dict)
    """Measures that the model has to reach, by name; shares are 0 to 1."""
    max: dict[Text, float] = Field(default_factory=dict)
    """Measures that it must not exceed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A suite as the measuring takes it, and its gates as ``NAME=VALUE``."""

    suite: str
    minima: Sequence[str]
    maxima: Sequence[str]


def suite_asked(text: str, minima: Sequence[str] = (), maxima: Sequence[str] = ()) -> Asked:
    """What a suite and the gates of a call ask for; the call's gates go before a file's.

    Args:
        text: ``stage:SEED:COUNT``, a suite's name, or a file of one.
        minima: The call's.
        maxima: The call's.

    Raises:
        InputError: There is no such suite, or its file is wrong.
    """
    if ":" in text:
        return Asked(suite=text, minima=minima, maxima=maxima)
    try:
        path = file_meant(text, SUITES)
    except InputError as none:
        if not is_name(text) or none.where:
            raise
        raise InputError(none.message, hint=f"{none.hint}; or stage:SEED:COUNT") from none
    read = read_recipe(path, SuiteRecipe, what="suite")
    return Asked(suite=read.suite, minima=_gates(read.min, minima), maxima=_gates(read.max, maxima))


def _gates(own: Mapping[str, float], given: Sequence[str]) -> Sequence[str]:
    """A file's gates but for those that the call gives otherwise, and the call's."""
    named = {one.partition("=")[0].strip() for one in given}
    return [*(f"{name}={value:g}" for name, value in own.items() if name not in named), *given]
