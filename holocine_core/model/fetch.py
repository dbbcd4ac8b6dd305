"""Fetches a model's files from the hub, each checked against its published hash. No torch here.

A source of the table names the commit it is fetched at. Where it names none, the first pull takes
the newest and writes it into the lock file; every later pull holds to that commit.
"""

from __future__ import annotations

import fnmatch
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, FileReady, Warned, ignore
from holocine_core.model.components import COMPONENTS
from holocine_core.model.download import (
    Wanted,
    download,
    published_hash,
    sweep_orphans,
    sweep_others,
)
from holocine_core.model.home import pull_command
from holocine_core.model.hub import Hub, HubFile, HuggingFaceHub
from holocine_core.model.hub_errors import RevisionGone
from holocine_core.model.locate import find_model
from holocine_core.model.lockfile import LOCK_NAME, LockedFile, LockedRepo, lock_file, read_lock
from holocine_core.model.release import NOISES
from holocine_core.model.spec import ModelSpec, Source
from holocine_core.store.claims import in_turn
from holocine_core.store.holders import Holder
from holocine_core.units import file_size

SPARE_BYTES = 2**30
"""Disk space to leave free."""


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

    Running it again goes on where it stopped, inside a file too. Several at once in one folder wait
    for each other, and none fetches what another has brought. A model that ships with holocine
    needs no file, nor does a part that is there in another form: a text encoder as Wan's own .pth,
    experts as GGUF.

    Args:
        spec: Of the table.
        models_dir: Where to.
        emit: Told of every file.
        only: Parts to bring, of :data:`COMPONENTS`; all where it is empty.
        accept_licence: The licences of what is to be fetched are accepted.
        hub: Where files come from.

    Raises:
        InputError: The model has no such part, or a licence is not accepted.
        MachineError: The disk is too small or gets full, the hub is out of reach, or a file is not
            the published one.
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
        emit(FileReady(file=path.name, fetched=False, bytes=path.stat().st_size))
    hub = hub or HuggingFaceHub(emit=emit)
    lock = read_lock(models_dir)
    wanted = _all_wanted(sources, models_dir, lock, hub)
    if all(_is_known(one, lock) for one in wanted):  # Nothing is written where nothing lacks.
        _sweep(wanted, emit)
        for one in wanted:
            emit(FileReady(file=one.name, fetched=False, bytes=one.file.size))
        return (*held, *(one.path for one in wanted))
    with _in_turn(models_dir, emit) as require:
        now = read_lock(models_dir)
        if {repo: one.revision for repo, one in now.items()} != {
            repo: one.revision for repo, one in lock.items()
        }:  # Another pull was first, and has taken the newest commit.
            wanted = _all_wanted(sources, models_dir, now, hub)
        _bring(wanted, models_dir, hub, emit, require)
    return (*held, *(one.path for one in wanted))


def _in_turn(models_dir: Path, emit: Emit) -> AbstractContextManager[Callable[[], None]]:
    """The models folder to itself, as soon as no other pull is at work there."""

    def tell(holder: Holder) -> None:
        emit(
            Warned(
                message=f"another pull is at work in this folder: {holder}",
                where=str(models_dir),
                hint="nothing is to be done: this one waits, and fetches what lacks then",
            )
        )

    return in_turn(models_dir, "models pull", name="pull", waiting=tell)


def _bring(
    wanted: Sequence[Wanted], models_dir: Path, hub: Hub, emit: Emit, require: Callable[[], None]
) -> None:
    """Fetch what lacks of the files, and lock each one that is there."""
    _sweep(wanted, emit)
    lock = read_lock(models_dir)
    lacking = [one for one in wanted if not _is_there(one, lock, emit, models_dir)]
    _check_space(models_dir, sum(max(one.file.size - one.here, 0) for one in lacking))
    for one in lacking:
        _lock(one, download(one, hub, emit, require), models_dir)
        emit(FileReady(file=one.name, fetched=True, bytes=one.file.size))


def _sweep(wanted: Sequence[Wanted], emit: Emit) -> None:
    """Remove what is here of downloads that nothing goes on with."""
    for folder in dict.fromkeys(one.folder for one in wanted):
        sweep_orphans(folder, emit)
    for one in wanted:
        sweep_others(one, emit)


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


def _all_wanted(
    sources: Sequence[Source], models_dir: Path, lock: Mapping[str, LockedRepo], hub: Hub
) -> list[Wanted]:
    return [
        file
        for source in sources
        for file in _wanted(source, models_dir, lock.get(source.repo), hub)
    ]


def _wanted(
    source: Source, models_dir: Path, locked: LockedRepo | None, hub: Hub
) -> Iterable[Wanted]:
    """The files of one source, at the commit that holds."""
    known = locked.revision if locked else None
    try:
        revision = hub.resolve(source.repo, source.revision or known)
    except RevisionGone as gone:
        if known is None or source.revision:
            raise
        raise RevisionGone(
            f"{gone.message}; {LOCK_NAME} holds to it",
            where=str(models_dir / LOCK_NAME),
            hint=f"take {source.repo} out of that file: the next pull takes the newest commit, and "
            "the files that are there where they are the same",
        ) from gone
    listed = {file.path: file for file in hub.files(source.repo, revision)}
    for pattern in source.files:
        found = {name: listed[name] for name in fnmatch.filter(listed, pattern)}
        if not found and "*" not in pattern:
            found = {pattern: _elsewhere(pattern, listed.values(), source, revision)}
        if not found:
            raise _absent(pattern, source, revision)
        for name, file in sorted(found.items()):
            yield Wanted(
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


def _is_known(wanted: Wanted, lock: Mapping[str, LockedRepo]) -> bool:
    """Whether a file lies there as it was locked at this commit."""
    entry = lock.get(wanted.repo)
    locked = entry.files.get(wanted.name) if entry else None
    if entry is None or locked is None or not wanted.path.is_file():
        return False
    size = wanted.path.stat().st_size
    return entry.revision == wanted.revision and locked.size == size == wanted.file.size


def _is_there(wanted: Wanted, lock: Mapping[str, LockedRepo], emit: Emit, models_dir: Path) -> bool:
    """Whether a file lies there already; one that is not the published one is never replaced."""
    if not wanted.path.is_file():
        return False
    if not _is_known(wanted, lock):
        _lock(wanted, published_hash(wanted, wanted.path), models_dir)
    emit(FileReady(file=wanted.name, fetched=False, bytes=wanted.file.size))
    return True


def _lock(wanted: Wanted, sha256: str, models_dir: Path) -> None:
    locked = LockedFile(sha256=sha256, size=wanted.file.size)
    lock_file(models_dir, wanted.repo, wanted.revision, wanted.name, locked)


def _check_space(models_dir: Path, needed: int) -> None:
    home = next(
        folder for folder in (models_dir, *models_dir.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(home).free
    if needed and needed + SPARE_BYTES > free:
        raise MachineError(
            f"{file_size(needed)} are to be fetched and {file_size(free)} are free, of which "
            f"{file_size(SPARE_BYTES)} are to stay free",
            where=str(models_dir),
            hint="make room, or choose another folder with --models-dir or HOLOCINE_MODELS",
        )
