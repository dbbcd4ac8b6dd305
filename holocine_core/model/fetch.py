"""Fetches a model's files from the hub, each checked against its published hash. No torch here.

A source of the table names the commit it is fetched at. Where it names none, the first pull takes
the newest and writes it into the lock file; every later pull holds to that commit.
"""

from __future__ import annotations

import fnmatch
import hashlib
import shlex
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, FileFetching, FileReady, ignore
from holocine_core.model.components import COMPONENTS
from holocine_core.model.headers import whole_hash
from holocine_core.model.home import pull_command
from holocine_core.model.hub import Hub, HubFile, HuggingFaceHub
from holocine_core.model.locate import find_model
from holocine_core.model.lockfile import LockedFile, LockedRepo, lock_file, read_lock
from holocine_core.model.release import NOISES
from holocine_core.model.spec import ModelSpec, Source

SPARE_BYTES = 2**30
"""Disk space to leave free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One file of the hub and where it belongs."""

    repo: str
    revision: str
    folder: Path
    name: str
    """Its path below ``folder``."""
    file: HubFile

    @property
    def path(self) -> Path:
        return self.folder / self.name


def pull(
    spec: ModelSpec,
    models_dir: Path,
    emit: Emit = ignore,
    *,
    only: Sequence[str] = (),
    accept_licence: bool = False,
    hub: Hub | None = None,
) -> tuple[Path, ...]:
    """Bring what lacks of ``spec`` into ``models_dir``; the paths, those already there included.

    Running it again goes on where it stopped. A model that ships with holocine needs no file, nor
    does a part that is there in another form: a text encoder as Wan's own .pth, experts as GGUF.

    Args:
        spec: Of the table.
        models_dir: Where to.
        emit: Told of every file.
        only: Parts to bring, of :data:`COMPONENTS`; all where it is empty.
        accept_licence: The licences of what is to be fetched are accepted.
        hub: Where files come from.

    Raises:
        InputError: The model has no such part, or a licence is not accepted.
        MachineError: The disk is too small, the hub out of reach, or a file is not the published
            one.
    """
    sources, held = _lacking(spec, models_dir, only)
    if sources and not accept_licence:
        licences = "; ".join(f"{source.repo}: {source.licence}" for source in sources)
        again = shlex.join([part for one in only for part in ("--only", one)])
        raise InputError(
            f"{spec.name} comes under licences that you have to accept: {licences}",
            where=" ".join(f"https://huggingface.co/{source.repo}" for source in sources),
            hint=f"read them, then run: {pull_command(spec.name, models_dir)}"
            f"{again and ' '}{again} --accept-licence",
        )
    for path in held:
        emit(FileReady(file=path.name, fetched=False))
    hub = hub or HuggingFaceHub()
    lock = read_lock(models_dir)
    wanted = [
        file
        for source in sources
        for file in _wanted(source, models_dir, lock.get(source.repo), hub)
    ]
    lacking = [file for file in wanted if not _is_there(file, lock, emit, models_dir)]
    _check_space(models_dir, sum(file.file.size for file in lacking))
    for file in lacking:
        _fetch(file, hub, models_dir, emit)
    return (*held, *(file.path for file in wanted))


def _lacking(
    spec: ModelSpec, models_dir: Path, only: Sequence[str]
) -> tuple[list[Source], list[Path]]:
    """The sources with the files that are wanted of them, and those that are there in another form.

    Raises:
        InputError: The model has no part of ``only``.
    """
    if not spec.sources:
        return [], []
    parts = {pattern: part_of(pattern) for source in spec.sources for pattern in source.files}
    if strange := [part for part in only if part not in parts.values()]:
        known = ", ".join(dict.fromkeys(parts.values()))
        raise InputError(f"{spec.name} has no part {strange[0]!r}", hint=f"its parts are {known}")
    there = find_model(spec.name, models_dir).components
    sources, held = list[Source](), list[Path]()
    for source in spec.sources:
        home, wanted = models_dir / source.folder, []
        for pattern in source.files:
            part = parts[pattern]
            if only and part not in only:
                continue
            paths = there[part].paths if part in there else ()
            if paths and not any(_is_of(path, home, pattern) for path in paths):
                held += paths
            else:
                wanted.append(pattern)
        if wanted:
            sources.append(replace(source, files=tuple(wanted)))
    return sources, held


def _is_of(path: Path, home: Path, pattern: str) -> bool:
    """Whether a file is where a source's files go."""
    return path.is_relative_to(home) and fnmatch.fnmatch(path.relative_to(home).as_posix(), pattern)


def part_of(pattern: str) -> str:
    """The part that a source's files make."""
    first = pattern.partition("/")[0]
    if first in COMPONENTS:
        return first
    return next((part for part, noise in NOISES.items() if noise in pattern), first)


def _wanted(
    source: Source, models_dir: Path, locked: LockedRepo | None, hub: Hub
) -> Iterable[_Wanted]:
    """The files of one source, at the commit that holds."""
    known = locked.revision if locked else None
    revision = hub.resolve(source.repo, source.revision or known)
    listed = {file.path: file for file in hub.files(source.repo, revision)}
    for pattern in source.files:
        found = {name: listed[name] for name in fnmatch.filter(listed, pattern)}
        if not found and "*" not in pattern:
            found = {pattern: _elsewhere(pattern, listed.values(), source, revision)}
        if not found:
            raise _absent(pattern, source, revision)
        for name, file in sorted(found.items()):
            yield _Wanted(
                repo=source.repo,
                revision=revision,
                folder=models_dir / source.folder,
                name=name,
                file=file,
            )


def _elsewhere(wanted: str, listed: Iterable[HubFile], source: Source, revision: str) -> HubFile:
    """The one file of that name in another folder: repositories are tidied, names stay."""
    name = PurePosixPath(wanted).name
    found = [file for file in listed if PurePosixPath(file.path).name == name]
    if len(found) != 1:
        raise _absent(wanted, source, revision)
    return found[0]


def _absent(wanted: str, source: Source, revision: str) -> MachineError:
    return MachineError(
        f"{source.repo} holds no {wanted} at commit {revision[:12]}",
        where=f"https://huggingface.co/{source.repo}/tree/{revision}",
        hint="the repository has changed: update holocine",
    )


def _is_there(wanted: _Wanted, lock: dict[str, LockedRepo], emit: Emit, models_dir: Path) -> bool:
    """Whether a file lies there already; one that is not the published one is never replaced."""
    if not wanted.path.is_file():
        return False
    entry = lock.get(wanted.repo)
    locked = entry.files.get(wanted.name) if entry else None
    size = wanted.path.stat().st_size
    trusted = entry is not None and entry.revision == wanted.revision
    if not (trusted and locked is not None and locked.size == size == wanted.file.size):
        _lock(wanted, _checked(wanted, fetched=False), models_dir)
    emit(FileReady(file=wanted.name, fetched=False))
    return True


def _fetch(wanted: _Wanted, hub: Hub, models_dir: Path, emit: Emit) -> None:
    arrived = 0

    def on_bytes(count: int) -> None:
        nonlocal arrived
        arrived += count
        emit(FileFetching(file=wanted.name, bytes=arrived, of=wanted.file.size))

    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    hub.download(wanted.repo, wanted.revision, wanted.file.path, wanted.folder, on_bytes)
    landed = wanted.folder / wanted.file.path
    if landed != wanted.path:
        landed.replace(wanted.path)
    _lock(wanted, _checked(wanted, fetched=True), models_dir)
    emit(FileReady(file=wanted.name, fetched=True))


def _lock(wanted: _Wanted, sha256: str, models_dir: Path) -> None:
    locked = LockedFile(sha256=sha256, size=wanted.file.size)
    lock_file(models_dir, wanted.repo, wanted.revision, wanted.name, locked)


def _checked(wanted: _Wanted, *, fetched: bool) -> str:
    """SHA-256 of a file that is the published one; MachineError where it is not."""
    sha256 = whole_hash(wanted.path)
    file = wanted.file
    published = file.sha256 in (None, sha256) and file.size == wanted.path.stat().st_size
    if file.git_sha1 is not None:
        published = published and _git_sha1(wanted.path) == file.git_sha1
    if published:
        return sha256
    if fetched:
        wanted.path.unlink()
    raise MachineError(
        f"{wanted.path.name} is not the file that {wanted.repo} publishes"
        f" at commit {wanted.revision[:12]}",
        where=str(wanted.path),
        hint="it arrived damaged: pull again" if fetched else "move it away and pull again",
    )


def _git_sha1(path: Path) -> str:
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    digest.update(path.read_bytes())
    return digest.hexdigest()


def _check_space(models_dir: Path, needed: int) -> None:
    home = next(
        folder for folder in (models_dir, *models_dir.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(home).free
    if needed and needed + SPARE_BYTES > free:
        raise MachineError(
            f"{needed / 1e9:.1f} GB are to be fetched and {free / 1e9:.1f} GB are free",
            where=str(models_dir),
            hint="make room, or choose another folder with --models-dir or HOLOCINE_MODELS",
        )
