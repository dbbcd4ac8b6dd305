"""What lies beside a film: shot clips, a storyboard, a cut list; where, and what they may replace.

The work folder's ``extras.json`` keeps the hash of every extra before it gets its name, beside that
of the one which it replaces: whoever is killed in between finds one of the two. A file that was
written there is replaced unasked; one that is not what was written any more is put aside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Interrupted, Problem
from holocine_core.events import Emit, Warned, ignore
from holocine_core.film.aside import put_aside
from holocine_core.film.planning import Source
from holocine_core.film.values import Beside
from holocine_core.plan.values import Plan
from holocine_core.request import stem_of
from holocine_core.store.files import Ready, name_for_damaged
from holocine_core.store.leases import leased
from holocine_core.store.records import (
    DamagedRecord,
    read_record,
    sidecar_path,
    write_record,
)
from holocine_core.store.vault import disk_errors, file_hash

RECORD = "extras.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What to make beside a film."""

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
    return shots / stem_of(film)


def is_ours(plan: Plan, path: Path) -> bool:
    """Whether a file is still what was written there beside this film."""
    if not _was_written(plan, path):
        return False
    with disk_errors("read", path):
        return file_hash(path) in str(_read(plan.work)[0][_record_key(plan, path)]).split()


def _was_written(plan: Plan, path: Path) -> bool:
    """Whether a file lies where one was written beside this film, whatever became of it."""
    is_file = path.is_file() and not path.is_symlink()
    return is_file and _record_key(plan, path) in _read(plan.work)[0]


def _gives_way(plan: Plan, path: Path) -> bool:
    """Whether a file may be replaced unasked: it was written here, or nobody knows any more, and it
    is put aside where it is another."""
    is_file = path.is_file() and not path.is_symlink()
    return _was_written(plan, path) or (is_file and _read(plan.work)[1])


def remember(plan: Plan, path: Path, made: Path | None = None) -> None:
    """Note what was just written, or ``made``, which is about to get that name."""
    with (
        disk_errors("note what was written", plan.work / RECORD),
        leased(plan.work, "extras", name="extras-lease", wait=True),
    ):
        record, is_damaged = _read(plan.work)
        key, hashes = _record_key(plan, path), [file_hash(made or path)]
        if path.is_file() and (there := file_hash(path)) in str(record.get(key, "")).split():
            hashes.append(there)
        record[key] = " ".join(dict.fromkeys(hashes))
        if is_damaged:
            (plan.work / RECORD).replace(name_for_damaged(plan.work / RECORD))
        write_record(plan.work / RECORD, dict(sorted(record.items())))


def _remembering(plan: Plan, emit: Emit) -> Ready:
    """What is done right before a file gets its name: one that was damaged or changed, or of which
    a damaged list says nothing, is put aside unless it is the same; and the new one is noted."""
    is_damaged = _read(plan.work)[1]
    if is_damaged:
        emit(
            Warned(
                message=f"{RECORD} is damaged: files beside the film stay its own only where they "
                "are what is written now",
                where=str(plan.work / RECORD),
                hint="others are put aside, and nothing is lost",
            )
        )

    def ready(made: Path, out: Path) -> None:
        # Another film of this call, or another process, may have begun a new list.
        unsure = is_damaged or (plan.work / f"{RECORD}.damaged").exists()
        known = _was_written(plan, out)
        if (known and not is_ours(plan, out)) or (unsure and not known and out.is_file()):
            put_aside(out, made, emit)
        remember(plan, out, made)

    return ready


def _read(work: Path) -> tuple[dict[str, Any], bool]:
    """What was written beside films, by :func:`_record_key`, and whether the list is damaged: then
    nothing of it is known.

    Raises:
        InputError: What has its name is no file, or far too large: nothing of ours.
    """
    try:
        return read_record(work / RECORD) or {}, False
    except DamagedRecord:
        return {}, True


def _record_key(plan: Plan, path: Path) -> str:
    """Relative, so that films and work folder can move together."""
    return os.path.relpath(path.resolve(), plan.work.resolve())


def may_replace(plan: Plan, extras: Extras, *, force: bool) -> bool:
    """Whether another film at ``plan.out`` gives way: asked for, or an earlier preview."""
    return force or (extras.preview and is_ours(plan, plan.out))


def check_extras(
    plan: Plan, extras: Extras, films: Sequence[Source] = (), *, force: bool = False
) -> None:
    """Find out before the work where an extra cannot go.

    Args:
        plan: Of the film.
        extras: What is to lie beside it.
        films: All films of the call; none of their files is ever replaced by an extra.
        force: Replace what others made.

    Raises:
        InputError: A file of the film itself, a folder, or another's file is in the way.
        MachineError: OpenTimelineIO isn't installed.
    """
    from holocine_core.film.shots import shot_paths

    clips = shot_paths(plan, shots_folder(extras.shots, plan.out)) if extras.shots else []
    wanted = [*clips, board_path(plan.out)] if extras.storyboard else clips
    if extras.otio:
        from holocine_core.edit.exchange import require_library

        require_library()
        wanted = [*wanted, otio_path(plan.out)]
    sources = _sources(plan, films)
    problems = [] if extras.shots is None else _same_folder(plan, extras.shots, films)
    problems += _no_folder(wanted)
    foreign = []
    for path in wanted:
        if _place(path) in sources:
            words = "it would be written over a file of the film itself"
            problems.append(Problem(words, str(path), "name another folder with --shots"))
        elif path.is_dir():
            words = f"{path} is a folder, and a file should go there"
            problems.append(Problem(words, str(path), "move it away"))
        elif os.path.lexists(path) and not force and not _gives_way(plan, path):
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


def _sources(plan: Plan, films: Sequence[Source]) -> set[str]:
    base = plan.screenplay_path.parent
    files = [base / take.sound.file for take in plan.takes if take.sound is not None]
    files += [lora.path for lora in plan.loras]
    files += [one.lora.path for take in plan.takes for one in take.loras]
    files += [picture.path for take in plan.takes for picture in take.pictures]
    if plan.screenplay.music is not None:
        files.append(base / plan.screenplay.music.file)
    for screenplay, film in films or ((plan.screenplay_path, plan.out),):
        files += [screenplay, film, sidecar_path(film)]
    return {_place(path) for path in files}


def _same_folder(plan: Plan, shots: Path, films: Sequence[Source]) -> list[Problem]:
    mine = _place(shots_folder(shots, plan.out))
    sharing = [film for _, film in films if _place(shots_folder(shots, film)) == mine]
    if len(sharing) < 2:
        return []
    names = " and ".join(map(str, sharing))
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


def lacks_extras(plan: Plan, extras: Extras) -> bool:
    """Whether a finished film has not all that is to lie beside it, as it was written."""
    named = {board_path(plan.out): extras.storyboard, otio_path(plan.out): extras.otio}
    if any(wanted and not is_ours(plan, path) for path, wanted in named.items()):
        return True
    if extras.shots is None:
        return False
    cut = [path for path in shots_folder(extras.shots, plan.out).glob("*") if is_ours(plan, path)]
    return len(cut) < sum(take.timeline.shots for take in plan.takes)


def outdated(plan: Plan, extras: Extras) -> list[Path]:
    """What was written beside a film that a plan's film has just taken the place of, and is not
    made anew."""
    unasked = {
        board_path(plan.out): not extras.storyboard,
        otio_path(plan.out): not extras.otio,
    }
    return [path for path, is_so in unasked.items() if is_so and is_ours(plan, path)]


def make_extras(
    plan: Plan,
    extras: Extras,
    restore: Callable[[], None],
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[Beside], None] = lambda made: None,
    emit: Emit = ignore,
) -> Beside:
    """Make what is to lie beside a finished film.

    Args:
        plan: That the film was made by.
        extras: What was checked by :func:`check_extras`.
        restore: Has the takes' clips whole before anything is cut from them.
        should_stop: Asked after every file.
        tell: Told of all that is there after each kind.
        emit: Told of files that were damaged or changed and are put aside.

    Raises:
        MachineError: A file can not be written.
        Interrupted: ``should_stop`` said so.
    """
    if not (extras.preview or extras.otio or extras.storyboard or extras.shots is not None):
        return Beside()
    ready = _remembering(plan, emit)

    def stop_if_asked() -> None:
        if should_stop():
            raise Interrupted(f"{plan.out} is finished and kept", hint="run the same call again")

    if extras.preview:
        remember(plan, plan.out)
    made = Beside()
    if extras.otio:
        made = replace(made, otio=_write_otio(plan, ready, stop_if_asked))
        tell(made)
    if extras.shots is not None or extras.storyboard:
        restore()
        stop_if_asked()
    if extras.shots is not None:
        made = replace(made, shots=_cut_shots(plan, extras.shots, ready, stop_if_asked))
        tell(made)
    if extras.storyboard:
        made = replace(made, storyboard=_draw([plan], board_path(plan.out), ready, emit))
        tell(made)
    return made


def _write_otio(plan: Plan, ready: Ready, stop_if_asked: Callable[[], None]) -> Path:
    from holocine_core.edit.exchange import write_cut_list
    from holocine_core.film.cut_list import cut_list
    from holocine_core.film.provenance import inspect

    stop_if_asked()
    path = otio_path(plan.out)
    cuts = cut_list(inspect(plan.out))
    write_cut_list(cuts, "otio", path, ready=ready)
    return path


def _cut_shots(
    plan: Plan, shots: Path, ready: Ready, stop_if_asked: Callable[[], None]
) -> tuple[Path, ...]:
    from holocine_core.film.shots import export_shots

    folder = shots_folder(shots, plan.out)
    with disk_errors("make the folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
    return tuple(export_shots(plan, folder, ready, written=lambda path: stop_if_asked()))


def check_board(plan: Plan, board: Path, *, force: bool) -> None:
    """Raises InputError where a storyboard of several drafts would replace what others made."""
    if os.path.lexists(board) and not force and not _was_written(plan, board):
        raise InputError(
            f"{board} is there already and is not of this film's making",
            where=str(board),
            hint="move it away, or replace it with --force",
        )


def draw_board(plans: Sequence[Plan], board: Path, emit: Emit = ignore) -> Path:
    """The storyboard of a film, or one of several drafts; what is put aside for it is told."""
    return _draw(plans, board, _remembering(plans[0], emit), emit)


def _draw(plans: Sequence[Plan], board: Path, ready: Ready, emit: Emit) -> Path:
    from holocine_core.film.boards import draw_drafts, draw_storyboard, undrawn

    if lacking := undrawn(plans):
        emit(
            Warned(
                message=f"no font on this machine has {lacking}: boxes stand for them",
                where=str(board),
                hint="install a font that does, such as a Noto Sans of that script",
            )
        )
    if len(plans) == 1:
        return draw_storyboard(plans[0], board, ready)
    return draw_drafts(plans, board, ready)
