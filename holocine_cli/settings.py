"""What files and variables set for a command, and who is told of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holocine_cli.session import Session
    from holocine_core.api import Configured, Request


class Settings:
    """What holds for each screenplay of a call where the call says nothing.

    Args:
        session: Of the call: told once of variables that set nothing.
        profile: That is asked for, which may be an own one of a screenplay's project.
        handed: A file of ``render --on``'s: a worker looks at no other.

    Raises:
        InputError: ``handed`` is none.
    """

    def __init__(
        self, session: Session, profile: str | None = None, handed: Path | None = None
    ) -> None:
        from holocine_core import api

        self._session = session
        self._profile = profile
        self._handed: Mapping[Path, Configured] | None = None
        if handed is not None:
            self._handed = api.handed_settings(handed)
        else:
            tell_variables(session)

    def of(self, screenplay: Path | None) -> Configured:
        """What holds for one; in the current folder, for what is none, where None.

        Raises:
            InputError: A file or variable is wrong, with its line.
            MachineError: A file can't be read.
        """
        from holocine_core import api

        if self._handed is None and screenplay is not None:
            tell_idle_config(self._session, screenplay)
        if self._handed is None or screenplay is None:
            return api.configuration(screenplay)
        try:
            return self._handed[screenplay.absolute()]
        except KeyError:
            raise InputError(
                "this worker was given no settings for that screenplay", where=str(screenplay)
            ) from None

    def asked(self, screenplay: Path | None, request: Request) -> tuple[Request, Request]:
        """A request for one, as the call says it and with all that it leaves open.

        Raises:
            InputError: As :meth:`of`; or there is no such profile.
            MachineError: A file can't be read.
        """
        configured = self.of(screenplay)
        own = {**request.profiles, **configured.profiles}
        places = {**configured.profile_places, **request.profile_places}
        typed = replace(request, profiles=own, profile_places=places)
        if self._profile:
            try:
                typed = replace(typed, profile=self._profile)
            except InputError as error:
                raise InputError(error.message, where="--profile", hint=error.hint) from None
        return typed, configured.below(typed, screenplay)


def for_film(session: Session, film: Path, request: Request) -> Request:
    """A request for a film that is edited, with what of the machine's it leaves open.

    Raises:
        InputError: A file or variable is wrong, with its line.
        MachineError: A file can't be read.
    """
    from holocine_core import api

    tell_variables(session)
    return api.film_configuration(film).below(request)


def here(session: Session) -> Configured:
    """What holds in the current folder, for commands that no screenplay is named to.

    Raises:
        InputError: A file or variable is wrong, with its line.
        MachineError: A file can't be read.
    """
    from holocine_core import api

    tell_variables(session)
    return api.configuration()


def models_home(session: Session, named: Path | None) -> Path | None:
    """Where downloaded models lie: as the call names it, or as it is set here.

    Raises:
        InputError, MachineError: As :func:`here`.
    """
    return here(session).models_dir if named is None else named


def device_here(session: Session, named: str | None) -> str:
    """Where to compute: as the call names it, or as it is set here.

    Raises:
        InputError, MachineError: As :func:`here`.
    """
    return named or here(session).device or "auto"


def tell_variables(session: Session) -> None:
    """Warn, once a call, of variables that are called almost as a setting is."""
    from holocine_core import api

    if session.told_variables:
        return
    session.told_variables = True
    for problem in api.misspelled_variables():
        session.console.warn(problem)


def tell_idle_config(session: Session, screenplay: Path) -> None:
    """Say, once a call, that the current folder's configuration sets nothing for a screenplay that
    lies elsewhere."""
    from holocine_core import api

    if session.told_idle_config or (idle := api.idle_config(screenplay)) is None:
        return
    session.told_idle_config = True
    session.console.note(f"{idle} is not used: it does not lie beside {screenplay}")
