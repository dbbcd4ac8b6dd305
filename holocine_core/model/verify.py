"""Whether a model's files are the ones it was published with, and fit its networks.

Hashes come from the lock file that pulling wrote, or from what the hub's client or the publisher
left beside a file. Names, types and shapes of weights are compared with the networks that their
configs describe. A file of which no hash is known is read to its end, and its numbers are looked
at. Nothing is fetched, no network is built, and nothing is executed.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from holocine_core.errors import MachineError
from holocine_core.events import Emit, FileCheck, ignore
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.entries import read_entries
from holocine_core.model.fitting import part_problems
from holocine_core.model.headers import whole_hash
from holocine_core.model.lockfile import LOCK_NAME, LockedFile, read_lock
from holocine_core.model.published import published
from holocine_core.model.torch_file import broken_record
from holocine_core.model.values import Seen, is_matrix, look_through

_OURS = (".cache", LOCK_NAME)
_WEIGHTS = (".safetensors", ".gguf", ".pth", ".bin", ".pt")
_TORCH = (".pth", ".bin", ".pt")
_SHOWN = 3


def verify(located: LocatedModel, emit: Emit = ignore) -> tuple[FileCheck, ...]:
    """Check every file of a model, to its end; files of gigabytes take seconds each.

    ``ok``: as it was pulled or published, or (where no hash is known) whole, fitting its network
    and of finite numbers. ``missing``: needed or once pulled, and gone. ``changed``: other bytes
    than were pulled or published, damaged, or weights that do not fit. ``unexpected``: lies among
    the model's files and is none of them.
    """
    checks = []
    for check in _checks(located):
        checks.append(check)
        emit(check)
    return tuple(checks)


def _checks(located: LocatedModel) -> Iterator[FileCheck]:
    locked = _locked(located)
    used = {path: part for part in located.components.values() for path in part.paths}
    configs = {
        p.config for p in located.components.values() if p.config and _inside(p.config, located)
    }
    faults = _faults(located)
    for path in sorted({*used, *configs, *locked}):
        yield _check(path, locked.get(path), faults.get(path, ""), weighs=path in used)
    for file in located.missing:
        if file.path not in locked:
            yield FileCheck(path=file.path, state="missing", note=file.hint)
    homes = {path.parent for path in (*used, *locked)}
    known = {*used, *configs, *locked, *(file.path for file in located.missing)}
    for path in sorted(path for home in homes for path in home.glob("*") if path.is_file()):
        if path not in known and not set(_OURS).intersection(path.parts) and _weighs(path):
            yield FileCheck(path=path, state="unexpected", note="no part of the model uses it")


def _check(path: Path, locked: LockedFile | None, fault: str, *, weighs: bool) -> FileCheck:
    if not path.is_file():
        return FileCheck(path=path, state="missing", note="it was pulled and is gone")
    told = None if locked is not None else published(path)
    if locked is not None:
        size = path.stat().st_size
        if size != locked.size:
            fault = f"{size} bytes, not {locked.size}" + (f": {fault}" if fault else "")
        elif whole_hash(path) != locked.sha256:
            fault = fault or "its SHA-256 is another"
    elif told is not None:
        if not told.is_of(path):
            fault = fault or f"its {told.kind} is another than {told.told_by}"
    elif weighs and not fault and path.suffix.lower() in _WEIGHTS:
        fault = _fault_of_numbers(path)
    if fault:
        return FileCheck(path=path, state="changed", note=fault)
    if locked is None and told is None:
        return FileCheck(path=path, state="ok", note="no hash is known: it was not pulled")
    return FileCheck(path=path, state="ok", note="" if told is None else f"as told {told.told_by}")


def _fault_of_numbers(path: Path) -> str:
    """What is wrong with a whole file's bytes behind its header; empty where nothing is."""
    try:
        if path.suffix.lower() in _TORCH and (record := broken_record(path)) is not None:
            return f"is damaged: its record {record} is not what its checksum says"
        entries = read_entries(path)
        odd: list[Seen] = []
        blank: list[Seen] = []
        for seen in look_through(path, entries):
            if seen.odd:
                odd.append(seen)
            if seen.zeros and is_matrix(entries[seen.name]):
                blank.append(seen)
    except (ValueError, OSError, MachineError) as broken:
        return f"can't be read to its end: {broken}"
    if odd:
        return f"holds numbers that are not finite (NaN or infinite): {_named(odd)}"
    if blank:
        return f"holds nothing but zeros, as a file that was not fetched whole: {_named(blank)}"
    return ""


def _named(tensors: list[Seen]) -> str:
    shown = ", ".join(
        f"{one.odd} in {one.name}" if one.odd else one.name for one in tensors[:_SHOWN]
    )
    return shown + (f" and {len(tensors) - _SHOWN} more tensors" if len(tensors) > _SHOWN else "")


def _faults(located: LocatedModel) -> dict[Path, str]:
    """File -> what is wrong with it by its header, or between it and its network."""
    found: dict[Path, str] = {}
    for part in located.components.values():
        for problem in part_problems(part, located):
            path = next((one for one in _files(part) if str(one) == problem.where), part.paths[0])
            told = problem.message.removeprefix(f"{path.name} ")
            found[path] = f"{found[path]}; {told}" if path in found else told
    return found


def _files(part: ComponentFiles) -> tuple[Path, ...]:
    return part.paths if part.config is None else (*part.paths, part.config)


def _locked(located: LocatedModel) -> dict[Path, LockedFile]:
    """Path -> lock entry, of this model's files only: a models folder may hold others."""
    lock = read_lock(located.folder)
    found = {}
    for source in located.spec.sources:
        entry = lock.get(source.repo)
        for name, file in entry.files.items() if entry else ():
            if any(fnmatch(name, pattern) for pattern in source.files):
                found[located.folder / source.folder / name] = file
    return found


def _inside(path: Path, located: LocatedModel) -> bool:
    return path.is_relative_to(located.folder)


def _weighs(path: Path) -> bool:
    """Whether a file could be taken for weights or settings of a model."""
    return path.suffix in _WEIGHTS
