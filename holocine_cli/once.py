"""Commands that take an option once, unless it says that it is repeatable, under each name that
people give it; and that answer ``help``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from holocine_cli.session import PROGRAM
from holocine_cli.spellings import asks_for_help, unknown_command_hint, with_other_names
from holocine_core.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])
HELP = "help"


class Once(TyperCommand):
    """A command that refuses a second value of an option, where the parser would drop the first."""

    def make_parser(self, ctx: Any) -> Any:
        """As the library's, with the options' other names."""
        return with_other_names(super().make_parser(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As the library's.

        Raises:
            InputError: An option of one value is there twice.
        """
        if not ctx.resilient_parsing:
            if asks_for_help(args):
                args = ["--help"]
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


class Group(TyperGroup):
    """Commands by name, with a word for ``help`` and for what is none of them."""

    def make_parser(self, ctx: Any) -> Any:
        """As the library's, with the options' other names."""
        return with_other_names(super().make_parser(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As the library's; ``help render`` is ``render --help``.

        Raises:
            InputError: There is no such command.
        """
        word, *rest = args
        if ctx.resilient_parsing or word in self.commands:
            return super().resolve_command(ctx, args)
        if word == HELP:
            named = [each for each in rest if each not in ctx.help_option_names]
            if named:
                return self.resolve_command(ctx, [*named, "--help"])
            typer.echo(ctx.get_help())
            raise typer.Exit
        if not word.startswith("-"):
            session = ctx.obj
            session.command = ctx.command_path.removeprefix(PROGRAM).strip()
            hint = unknown_command_hint(ctx, word, session.argv)
            raise InputError(f"there is no command '{word}'", hint=hint)
        return super().resolve_command(ctx, args)


class Commands(typer.Typer):
    """A Typer app whose commands are :class:`Once`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        """As the library's."""
        return super().command(name, cls=Once, **settings)
