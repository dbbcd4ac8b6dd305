"""What lies beside a film: shot clips, a storyboard, a cut list; where, and what they may replace.

The work folder's ``extras.json`` keeps the hash of every extra that was written. A file is
replaced unasked only while it is still what was written.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holocine_core.errors import InputError, Problem
from holocine_core.store.vault import disk_errors, file_hash, read_json, write_json

if TYPE_CHECKING:
    from holocine_cli.batch import Job
    from holocine_core.plan.values import Plan

RECORD = "extras.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What may be said beside the plan."""

    force: bool
    shots: Path | None = None
    """Folder for a folder per film, with every shot as a clip of its own."""
    storyboard: bool = False
    otio: bool = False
    preview: bool = False
    """Whether the film itself is a preview, which the next one replaces."""


def board_path(film: Path) -> Path:
    """``x.preview.mp4`` -> ``x.preview.png``; ``x.mp4`` -> ``x.storyboard.png``."""
    preview = film.stem.endswith(".preview")
    return film.with_suffix(".png" if preview else ".storyboard.png")


def otio_path(film: Path) -> Path:
    """``x.mp4`` -> ``x.otio``."""
    return film.with_suffix(".otio")


def shots_folder(shots: Path, film: Path) -> Path:
    """The film's own folder inside the one of ``--shots``."""
    return shots / film.stem


def is_ours(plan: Plan, path: Path) -> bool:
    """Whether a file is still what was written there beside this film."""
    record = read_json(plan.work / RECORD) or {}
    key = _record_key(plan, path)
    if key not in record or path.is_symlink() or not path.is_file():
        return False
    with disk_errors("read", path):
        return bool(record[key] == file_hash(path))


def remember(plan: Plan, path: Path) -> None:
    """Note what was just written."""
    record = read_json(plan.work / RECORD) or {}
    with disk_errors("note what was written", plan.work / RECORD):
        record[_record_key(plan, path)] = file_hash(path)
        write_json(plan.work / RECORD, record)


def _record_key(plan: Plan, path: Path) -> str:
    """Relative, so that films and work folder can move together."""
    return os.path.relpath(path.resolve(), plan.work.resolve())


def check_extras(plan: Plan, extras: Extras, jobs: Sequence[Job]) -> None:
    """Find out before the work where an extra cannot go.

    Args:
        jobs: All films of the call; none of their files is ever replaced by an extra.

    Raises:
        InputError: A file of the film itself, a folder, or another's file is in the way.
        MachineError: OpenTimelineIO isn't installed.
    """
    from holocine_core.film.shots import shot_paths  # Slow to import, and help needs none of it.

    clips = shot_paths(plan, shots_folder(extras.shots, plan.out)) if extras.shots else []
    wanted = [*clips, board_path(plan.out)] if extras.storyboard else clips
    if extras.otio:
        from holocine_core.edit.exchange import require_library

        require_library()
        wanted = [*wanted, otio_path(plan.out)]
    sources = _sources(plan, jobs)
    problems = [] if extras.shots is None else _same_folder(plan, extras.shots, jobs)
    problems += _no_folder(wanted)
    foreign = []
    for path in wanted:
        if _place(path) in sources:
            words = "it would be written over a file of the film itself"
            problems.append(Problem(words, str(path), "name another folder with --shots"))
        elif path.is_dir():
            words = f"{path} is a folder, and a file should go there"
            problems.append(Problem(words, str(path), "move it away"))
        elif os.path.lexists(path) and not extras.force and not is_ours(plan, path):
            foreign.append(path)
    if foreign:
        more = f", as are {len(foreign) - 1} more" if foreign[1:] else ""
        words = f"{foreign[0]} is there already and is not of this film's making{more}"
        problems.append(Problem(words, str(foreign[0]), "move it away, or replace it with --force"))
    if problems:
        raise InputError.of(problems)


def _place(path: Path) -> str:
    """Alike for two names of one file, also on a disk that does not tell cases apart."""
    return str(path.resolve()).casefold()


def _sources(plan: Plan, jobs: Sequence[Job]) -> set[str]:
    from holocine_core.film.ownership import sidecar_path

    base = plan.screenplay_path.parent
    files = [base / take.sound.file for take in plan.takes if take.sound is not None]
    files += [lora.path for lora in plan.loras]
    files += [one.lora.path for take in plan.takes for one in take.loras]
    files += [picture.path for take in plan.takes for picture in take.pictures]
    if plan.screenplay.music is not None:
        files.append(base / plan.screenplay.music.file)
    for job in jobs:
        files += [job.screenplay, job.film, sidecar_path(job.film)]
    return {_place(path) for path in files}


def _same_folder(plan: Plan, shots: Path, jobs: Sequence[Job]) -> list[Problem]:
    mine = _place(shots_folder(shots, plan.out))
    sharing = [job for job in jobs if _place(shots_folder(shots, job.film)) == mine]
    if len(sharing) < 2:
        return []
    names = " and ".join(str(job.film) for job in sharing)
    words = f"the shots of {names} would go into one folder"
    return [Problem(words, str(shots_folder(shots, plan.out)), "render them one by one")]


def _no_folder(wanted: Sequence[Path]) -> list[Problem]:
    """Files that lie where a folder has to be."""
    blocked = []
    for folder in dict.fromkeys(path.parent for path in wanted):
        there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
        if not there.is_dir():
            words = f"{there} is a file, and a folder has to be there"
            blocked.append(Problem(words, str(there), "name another folder"))
    return blocked
