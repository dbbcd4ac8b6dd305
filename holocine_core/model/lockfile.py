"""holocine.lock.json: which commit of each repository, and which bytes, a models folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from holocine_core.errors import MachineError
from holocine_core.store.files import parse_json, read_small, write_json
from holocine_core.store.vault import disk_errors

LOCK_NAME = "holocine.lock.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One file as it was fetched."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRepo:
    """One repository: the commit its files come from, and the files below its local folder."""

    revision: str
    files: Mapping[str, LockedFile] = field(default_factory=dict)


def read_lock(models_dir: Path) -> dict[str, LockedRepo]:
    """Repository -> what was fetched of it; empty where nothing was.

    Raises:
        MachineError: Where the lock file is damaged.
    """
    path = models_dir / LOCK_NAME
    if not path.is_file():
        return {}
    try:
        return {
            repo: LockedRepo(
                revision=entry["revision"],
                files={name: LockedFile(**file) for name, file in entry["files"].items()},
            )
            for repo, entry in parse_json(read_small(path)).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise MachineError(
            f"{LOCK_NAME} is damaged",
            where=str(path),
            hint="delete it: the next pull takes up the files that are there",
        ) from broken


def lock_file(models_dir: Path, repo: str, revision: str, name: str, locked: LockedFile) -> None:
    """Record one fetched file, at once and atomically; another commit's entries go."""
    lock = read_lock(models_dir)
    entry = lock.get(repo)
    if entry is None or entry.revision != revision:
        entry = LockedRepo(revision=revision)
    lock[repo] = replace(entry, files={**entry.files, name: locked})
    value = {repo: asdict(entry) for repo, entry in sorted(lock.items())}
    with disk_errors("write the lock file", models_dir):
        write_json(models_dir / LOCK_NAME, value)
