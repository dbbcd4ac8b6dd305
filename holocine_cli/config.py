"""config: what is set once and for all, and by which file or variable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holocine_cli.console import Paint
from holocine_cli.groups import Told, grouped
from holocine_cli.layout import columns
from holocine_cli.session import begin
from holocine_core.errors import InputError, MachineError

if TYPE_CHECKING:
    from holocine_core.api import OwnProfile, ShownConfig

Screenplay = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="A screenplay; what holds in the current folder where left out.",
        show_default=False,
    ),
]
PathOnly = Annotated[
    bool,
    typer.Option(
        "--path",
        metavar="",
        help="Print where your own file lies, whether it is there or not.",
        show_default=False,
    ),
]


@grouped
def config(
    ctx: typer.Context,
    screenplay: Screenplay = None,
    path: PathOnly = False,
    told: Told = Told(),
) -> None:
    """Show every setting, and which file or variable said it.

    holocine config
    holocine config harbour.yaml

    Who wins: an option, the screenplay, HOLOCINE_*, holocine.toml beside the
    screenplay, your own holocine.toml (--path). A file of three lines:

      profile = "fast"
      profiles.fast.base = "draft"
      profiles.fast.steps = 4
    """
    session = begin(ctx, told)
    from holocine_cli.settings import tell_idle_config, tell_variables
    from holocine_core import api

    if path:
        own = api.user_config()
        if own is None:
            raise InputError(
                "no file of your own is read",
                where="HOLOCINE_CONFIG",
                hint="the variable is empty, or there is no home: name a file by it",
            )
        session.fields["path"] = str(own)
        session.console.product(str(own))
        return
    tell_variables(session)
    if screenplay is not None:
        tell_idle_config(session, screenplay)
    shown = api.shown_config(screenplay)
    if screenplay is not None:
        _refuse_settings(screenplay)
    session.fields |= _record(shown)
    session.console.product(_page(shown, session.console.out))


def _refuse_settings(screenplay: Path) -> None:
    """Raises InputError where the screenplay's model films nothing with its profile, by the lines
    that set it. What is wrong with the screenplay itself is no matter of settings."""
    from holocine_core import api

    request = api.configured(screenplay)
    places = set(request.profile_places.values())
    try:
        found = api.check(screenplay, request).problems
    except MachineError:  # Of a file that a film needs, and a setting does not.
        return
    if wrong := [problem for problem in found if problem.where in places]:
        raise InputError.of(wrong)


def _page(shown: ShownConfig, paint: Paint) -> str:
    rows = [(one.key, one.value, one.told_by) for one in shown.settings]
    rows += [
        (f"profiles.{name}", _settings(one), place) for name, (one, place) in shown.profiles.items()
    ]
    lines = columns([(key, value, paint(place, dim=True)) for key, value, place in rows], indent="")
    lines.append("")
    for file in shown.files:
        lines.append(
            paint(str(file.path) if file.is_there else f"{file.path}: not there", dim=True)
        )
    return "\n".join(lines)


def _settings(own: OwnProfile) -> str:
    """An own profile in one line."""
    changes = own.record()
    base = changes.pop("base")
    cache = changes.pop("cache", None)
    told = [f"{name} {value}" for name, value in changes.items()]
    told += [f"cache {cache['kind']}"] if cache else []
    return ", ".join([str(base), *told])


def _record(shown: ShownConfig) -> dict[str, Any]:
    """The same inside the document."""
    return {
        "settings": {
            one.key: {"value": one.value, "told_by": one.told_by} for one in shown.settings
        },
        "profiles": {
            name: {**one.record(), "told_by": place}
            for name, (one, place) in shown.profiles.items()
        },
        "files": [{"path": str(file.path), "is_there": file.is_there} for file in shown.files],
    }
