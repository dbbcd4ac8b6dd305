"""What the workers of one folder agree on: ``.holocine/fleet.json`` below the films' folder.

How numbers are computed is the first worker's choice, so that a film has the same bits whoever
makes it; and which films there are is told here, for those who only look.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from holocine_core.model import kernels
from holocine_core.model.kernels import KERNELS, CpuKernel
from holocine_core.request import WORK
from holocine_core.store.files import read_json, write_json
from holocine_core.store.leases import leased
from holocine_core.store.vault import disk_errors

NAME = "fleet.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A film of a folder.

    Attributes:
        film: Where it goes.
        screenplay: What it is made of.
        work: Its work folder.
        seconds: How long it takes, as the first worker planned; 0 where that was not known.
        key: Its fingerprint, as the worker that told of it last planned it.
    """

    film: Path
    screenplay: Path
    work: Path
    seconds: float = 0.0
    key: str = ""


def common_folder(films: Sequence[Path]) -> Path:
    """The folder that all films lie below."""
    return Path(os.path.commonpath([film.absolute().parent for film in films]))


def announce(films: Sequence[Listed]) -> None:
    """Tell of films that are to be made, and of nothing twice.

    Raises:
        MachineError: The folder can not be written.
    """
    folder = common_folder([one.film for one in films])
    with _held(folder) as told:
        known = told.setdefault("films", {})
        for one in films:
            known[os.path.relpath(one.film.absolute(), folder)] = {
                "screenplay": os.path.relpath(one.screenplay.absolute(), folder),
                "work": os.path.relpath(one.work.absolute(), folder),
                "seconds": round(one.seconds, 1),
                "key": one.key,
            }


def agree_on_kernel(folder: Path) -> tuple[CpuKernel, bool]:
    """How a processor's numbers are computed in this folder: as its first worker chose; and whether
    this process was told so otherwise.

    Raises:
        InputError: The variable that chooses names no kernel.
        MachineError: The folder can not be written.
    """
    own = kernels.settle()
    with _held(folder) as told:
        agreed = told.setdefault("kernel", own)
        if agreed not in KERNELS:
            agreed = told["kernel"] = own
    return cast(CpuKernel, agreed), kernels.is_asked() and agreed != own


def listed(folder: Path) -> list[Listed]:
    """The films that were announced in a folder; none where nothing was."""
    films = (read_json(folder / WORK / NAME) or {}).get("films")
    if not isinstance(films, dict):
        return []
    return [
        Listed(
            film=folder / name,
            screenplay=folder / str(one.get("screenplay", "")),
            work=folder / str(one.get("work", "")),
            seconds=float(one.get("seconds", 0.0)),
            key=str(one.get("key", "")),
        )
        for name, one in films.items()
        if isinstance(one, Mapping)
    ]


class _held:
    """A folder's record, to be read and changed while this is open; kept where it was changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / WORK
        self._stack = ExitStack()
        self._told: dict[str, Any] = {}
        self._before = ""

    def __enter__(self) -> dict[str, Any]:
        with disk_errors("note what is filmed", self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(leased(self._folder, "fleet", name="fleet-lease", wait=True))
            self._told = read_json(self._folder / NAME) or {}
        self._before = repr(self._told)
        return self._told

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._stack, disk_errors("note what is filmed", self._folder):
            if kind is None and repr(self._told) != self._before:
                write_json(self._folder / NAME, self._told)
