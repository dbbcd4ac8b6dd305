"""Work folders, and what of them no film needs any more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError

if TYPE_CHECKING:
    from holocine_core.film.clean import Cleaning

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def clean(
    named: Sequence[str | Path] = (),
    *,
    remove: bool = False,
    unfinished: bool = False,
    older: float = 0.0,
) -> Cleaning:
    """Say what may go from work folders, and remove it where that is asked for.

    A finished film is never touched, nor are takes that one that is there, or a version, needs; nor
    anything outside the folders named, a work folder in use, or a file that is none of ours.

    Args:
        named: Folders, with all below them; films and screenplays, for their work folders. This
            folder where there are none.
        remove: Remove it; a kill at any moment leaves every take whole or gone.
        unfinished: Also takes of films that are half made, or were moved or removed.
        older: Only what was written so many seconds ago, or before.

    Raises:
        InputError: There is nothing of that name.
        MachineError: A folder can not be read or written.
    """
    from holocine_core.film.clean import Limits
    from holocine_core.film.clean import clean as sweep
    from holocine_core.fleet.shared import listed

    def announced(folder: Path) -> list[tuple[Path, Path, Path]]:
        return [(one.film, one.screenplay, one.work) for one in listed(folder)]

    limits = Limits(unfinished=unfinished, older=older)
    return sweep([Path(one) for one in named], announced, limits, remove=remove)


def read_age(asked: str) -> float:
    """``30d`` -> seconds; also ``12h``, ``2w``.

    Raises:
        InputError: It is no length of time.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([mhdw])", asked.strip())
    if found is None:
        raise InputError(f"'{asked}' is no age", where="--older", hint="such as 12h, 30d or 8w")
    return float(found[1]) * _UNITS[found[2]]
