"""What files and variables set, for those who ask: a request as the command line would have it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from holocine_core.config.files import NAME, user_file
from holocine_core.config.keys import misspelled
from holocine_core.config.resolve import Configured, configured_for, configured_in, recorded
from holocine_core.errors import InputError, Problem
from holocine_core.request import Request

__all__ = [
    "config_places",
    "configuration",
    "configured",
    "film_configuration",
    "hand_settings",
    "handed_settings",
    "idle_config",
    "misspelled_variables",
    "user_config",
]


def configured(screenplay: str | Path, request: Request = Request()) -> Request:
    """A request with all that ``holocine.toml``, the user's own and ``HOLOCINE_*`` say of what it
    leaves open. No other verb reads them.

    Args:
        screenplay: Beside whose file the project's lies.
        request: What goes before all of them. Its profile and model go before the screenplay's as
            well, those of the files and variables do not.

    Raises:
        InputError: A file or variable is wrong, with its line; or a project's file names a path
            outside its folder.
        MachineError: A file can't be read.
    """
    return configured_for(Path(screenplay)).below(request, Path(screenplay))


def configuration(screenplay: str | Path | None = None) -> Configured:
    """The same by itself; for what is no screenplay, of the current folder, where None.

    Raises:
        InputError, MachineError: As :func:`configured`.
    """
    return configured_in(Path()) if screenplay is None else configured_for(Path(screenplay))


def film_configuration(film: str | Path) -> Configured:
    """What of it holds for a film that is edited: the machine's settings, by the file beside the
    film, or else in the current folder.

    Raises:
        InputError, MachineError: As :func:`configured`.
    """
    home = Path(film).parent
    return configured_in(home if (home / NAME).exists() else Path()).of_machine()


def config_places(screenplay: str | Path) -> tuple[Path, ...]:
    """Where files may lie that set something for a screenplay, the project's first."""
    own = user_file()
    return (Path(screenplay).with_name(NAME), *(() if own is None else (own,)))


def idle_config(screenplay: str | Path) -> Path | None:
    """The current folder's ``holocine.toml``, where it lies beside another folder's screenplay and
    so sets nothing for it; None where there is none, or it is read."""
    here, own = Path(NAME), user_file()
    places = [Path(screenplay).with_name(NAME), *(() if own is None else (own,))]
    real = {os.path.realpath(place) for place in places}
    # os.path answers False where Path raises: a folder that nobody may look into.
    there = os.path.isfile(here)  # noqa: PTH113
    return here if there and os.path.realpath(here) not in real else None


def user_config() -> Path | None:
    """Where the user's own file lies, whether it is there or not; None where none is to be read."""
    return user_file()


def misspelled_variables() -> list[Problem]:
    """Variables that are called almost as a setting is, and set nothing."""
    return misspelled()


def hand_settings(listing: Path, settings: Mapping[Path, Configured]) -> Path:
    """Write what holds for each screenplay beside the list that workers get; the file, which no
    other settings have: workers that wait in a queue may read it tomorrow.

    Raises:
        MachineError: The folder can not be written.
    """
    from holocine_core.store.files import save_json
    from holocine_core.store.vault import fingerprint

    told = {str(path.absolute()): one.record() for path, one in settings.items()}
    path = listing.with_name(f"settings-{fingerprint(told)}.json")
    save_json(path, told, force=True)
    return path


def handed_settings(path: Path) -> Mapping[Path, Configured]:
    """What :func:`hand_settings` wrote, by the screenplay's absolute path.

    Raises:
        InputError: It is not there, or is none.
    """
    from holocine_core.store.files import read_json

    told = read_json(path)
    try:
        if told is None:
            raise ValueError("it is no JSON")
        return {Path(name): recorded(one) for name, one in told.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            "these are no settings for a worker",
            where=str(path),
            hint="they are written by `render --on`, of this very version",
        ) from None
