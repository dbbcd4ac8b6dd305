"""Whether a model's files are the ones it was published with, and fit its networks.

Hashes come from the lock file that pulling wrote; names and shapes of weights are compared with the
networks their configs describe. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from holocine_core.errors import MachineError
from holocine_core.events import Emit, FileCheck, ignore
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.headers import whole_hash
from holocine_core.model.lockfile import LOCK_NAME, LockedFile, read_lock

_OURS = (".cache", LOCK_NAME)


def verify(located: LocatedModel, emit: Emit = ignore) -> tuple[FileCheck, ...]:
    """Check every file of a model; files of gigabytes take a second each.

    ``ok``: as pulled, or (without an entry in the lock file) fitting its network. ``missing``:
    needed or once pulled, and gone. ``changed``: other bytes than were pulled, or weights that do
    not fit. ``unexpected``: lies among the model's files and is none of them.
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
    faults = {part.name: _structure(part) for part in located.components.values()}
    for path in sorted({*used, *configs, *locked}):
        part = used.get(path)
        fault = faults[part.name] if part else ""
        yield _check(path, locked.get(path), fault)
    for file in located.missing:
        if file.path not in locked:
            yield FileCheck(path=file.path, state="missing", note=file.hint)
    homes = {path.parent for path in (*used, *locked)}
    known = {*used, *configs, *locked, *(file.path for file in located.missing)}
    for path in sorted(path for home in homes for path in home.glob("*") if path.is_file()):
        if path not in known and not set(_OURS).intersection(path.parts) and _weighs(path):
            yield FileCheck(path=path, state="unexpected", note="no part of the model uses it")


def _check(path: Path, locked: LockedFile | None, fault: str) -> FileCheck:
    if not path.is_file():
        return FileCheck(path=path, state="missing", note="it was pulled and is gone")
    if locked is not None:
        size = path.stat().st_size
        if size != locked.size:
            return FileCheck(path=path, state="changed", note=f"{size} bytes, not {locked.size}")
        if whole_hash(path) != locked.sha256:
            return FileCheck(path=path, state="changed", note="its SHA-256 is another")
    if fault:
        return FileCheck(path=path, state="changed", note=fault)
    note = "" if locked else "no hash is known: it was not pulled"
    return FileCheck(path=path, state="ok", note=note)


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


def _structure(part: ComponentFiles) -> str:
    """What does not fit between a part's weights and its network; empty where all does."""
    from holocine_core.model.weights import check_structure

    try:
        faults = check_structure(part)
    except MachineError as damaged:
        return damaged.message
    return "; ".join(faults[:3]) + (f" and {len(faults) - 3} more" if len(faults) > 3 else "")


def _inside(path: Path, located: LocatedModel) -> bool:
    return path.is_relative_to(located.folder)


def _weighs(path: Path) -> bool:
    """Whether a file could be taken for weights or settings of a model."""
    return path.suffix in (".safetensors", ".gguf", ".pth", ".bin", ".pt")
