"""Commands that take an option once, unless it says that it is repeatable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from holocine_core.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])


class Once(TyperCommand):
    """A command that refuses a second value of an option, where the parser would drop the first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the library's.

        Raises:
            InputError: An option of one value is there twice.
        """
        if not ctx.resilient_parsing:
            *_, seen = self.make_parser(ctx).parse_args(args=list(args))
            for option, times in Counter(seen).items():
                several = getattr(option, "multiple", False) or getattr(option, "count", False)
                if times > 1 and option.param_type_name == "option" and not several:
                    name = max(option.opts, key=len)
                    raise InputError(
                        f"{name} is given {times} times, and one of them would count",
                        where=name,
                        hint="leave all but one out, or call the command once for each",
                    )
        return super().parse_args(ctx, args)


class Commands(typer.Typer):
    """A Typer app whose commands are :class:`Once`."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        """As the library's."""
        return super().command(name, cls=Once, **settings)
