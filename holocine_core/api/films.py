"""From a screenplay to its film: check, plan, preview, render."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holocine_core.errors import InputError, Problem
from holocine_core.events import Emit, Stop, ignore, never
from holocine_core.film.planning import plan_film, plan_to_render
from holocine_core.plan.values import Plan
from holocine_core.request import Request

if TYPE_CHECKING:
    from holocine_core.film.extras import Extras
    from holocine_core.film.values import Beside, Film
    from holocine_core.sample.studio import Studio
    from holocine_core.store.vault import Vault
SCHEMA_FILE = "holocine.schema.json"


def schema() -> dict[str, Any]:
    """The JSON schema of screenplays, for editors."""
    from holocine_core.script.schema import schema as of_screenplays

    return of_screenplays()


def write_schema(out: str | Path, *, force: bool = False) -> Path:
    """Write the schema; an earlier one is replaced unasked.

    Raises:
        InputError: Another file is in the way.
    """
    from holocine_core.store.files import read_json, save

    path = Path(out)
    there = (read_json(path) or {}).get("title") == schema()["title"]
    save(path, schema_text().encode(), replace=force or there)
    return path


def schema_text() -> str:
    """The same as it is written beside screenplays."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema_beside(screenplay: Path) -> tuple[Path, bool]:
    """The schema in a screenplay's folder, as its first line names it, and whether it was not there
    yet and was written now.

    Raises:
        MachineError: The folder can not be written.
    """
    from holocine_core.store.files import save

    path = screenplay.parent / SCHEMA_FILE
    lacks = not path.exists()
    if lacks:
        save(path, schema_text().encode(), replace=False)
    return path, lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found in a screenplay."""

    screenplay: Path
    problems: tuple[Problem, ...] = ()
    """What keeps it from being filmed; empty where nothing does."""
    warnings: tuple[Problem, ...] = ()
    scenes: int = 0
    shots: int = 0
    frames: int = 0
    seconds: float = 0.0


def check(screenplay: str | Path, request: Request = Request()) -> Checked:
    """Look for everything that is wrong with a screenplay; its problems are told, not raised.

    Args:
        screenplay: A YAML file.
        request: What is asked for beside it: its model, above all.

    Raises:
        MachineError: The file can not be read.
    """
    path = Path(screenplay)
    try:
        found = plan_film(path, replace(request, device="cpu", anew=True))
    except InputError as error:
        return Checked(screenplay=path, problems=error.problems)
    frames = sum(take.timeline.frames for take in found.takes)
    return Checked(
        screenplay=path,
        warnings=found.warnings,
        scenes=len(found.takes),
        shots=sum(take.timeline.shots for take in found.takes),
        frames=frames,
        seconds=float(frames / found.fps),
    )


def plan_to_make(screenplay: str | Path, request: Request = Request()) -> Plan:
    """As :func:`plan`, for a film that is made at once: the first on a machine measures how it
    computes fastest.

    Raises:
        InputError, MachineError: As :func:`plan`.
    """
    return plan_to_render(screenplay, request)


def plan(screenplay: str | Path, request: Request = Request()) -> Plan:
    """All that a render would do, before it does it: needs no GPU and no weights.

    Raises:
        InputError: With every problem of the file.
        MachineError: There is no such device.
    """
    return plan_film(screenplay, request)


def preflight(planned: Plan) -> None:
    """Find out what would fail after hours: codec, sounds, ffmpeg, memory, missing weights. A film
    that is finished needs nothing of it.

    Raises:
        InputError: A file of the film's is not what it should be.
        MachineError: The machine lacks something.
    """
    from holocine_core.film.ownership import is_finished
    from holocine_core.film.preflight import preflight as look

    if not is_finished(planned):
        look(planned)


def render(
    film: str | Path | Plan,
    request: Request = Request(),
    *,
    extras: Extras | None = None,
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = never,
    studio: Studio | None = None,
    vault: Vault | None = None,
) -> Film:
    """Make a film, or what of it is not made yet.

    Args:
        film: A screenplay's file, or a plan.
        request: What is asked for beside the screenplay; a plan has it in it.
        extras: What to make beside the film.
        force: Replace what is in the way, and make a film anew that was begun otherwise.
        emit: Told of everything that happens.
        should_stop: Asked after every step; True keeps everything and raises Interrupted.
        studio: Networks that stay open for the next film.
        vault: The film's work folder, where the caller holds it already.

    Raises:
        InputError: The screenplay is wrong, or another film is in the way.
        MachineError: Weights, memory, disk or ffmpeg failed; what is finished is kept.
        RenderError: Scenes failed; the others are kept and no film is cut.
        Interrupted: ``should_stop`` said so.
    """
    from holocine_core.film.extras import Extras, check_extras, may_replace
    from holocine_core.render import render as make

    if not isinstance(film, Plan):
        film = plan_to_render(film, replace(request, anew=request.anew or force))
    if extras is not None:
        check_extras(film, extras, force=force)
    over = may_replace(film, extras or Extras(), force=force)
    made = make(film, emit, force=over, should_stop=should_stop, studio=studio, vault=vault)
    return (
        made
        if extras is None
        else replace(made, beside=beside(film, extras, should_stop, emit=emit))
    )


def beside(
    planned: Plan,
    extras: Extras,
    should_stop: Stop = never,
    tell: Callable[[Beside], None] = lambda made: None,
    emit: Emit = ignore,
) -> Beside:
    """Make what is to lie beside a finished film.

    Args:
        planned: Its plan.
        extras: What to make; :func:`require_place` looks whether it would replace another's.
        should_stop: Asked after every file.
        tell: Told of all that is there after each kind.
        emit: Told of takes that are damaged: they are decoded again before anything is cut from
            them; and of files beside the film that are put aside.

    Raises:
        InputError: Its takes are gone.
        MachineError: A file can not be written.
        Interrupted: ``should_stop`` said so.
    """
    from holocine_core.film.extras import make_extras
    from holocine_core.render import restore_clips

    def restore() -> None:
        restore_clips(planned, emit, should_stop=should_stop)

    return make_extras(planned, extras, restore, should_stop, tell, emit)


def clips(planned: Plan) -> dict[str, Path | None]:
    """By scene, the clip that is kept of it; None where there is none yet."""
    from holocine_core.store.vault import Vault

    vault = Vault(planned.work)
    found = {take.scene: vault.find("clips", take.clip_key) for take in planned.takes}
    return {scene: None if one is None else one.path for scene, one in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """Quick drafts of a film."""

    films: tuple[Film, ...]
    storyboard: Path


def draft_requests(
    screenplay: Path, request: Request, folder: Path, seeds: int
) -> tuple[Request, ...]:
    """What to ask for, for each of so many drafts."""
    return drafts_asked(screenplay, replace(request, out=None), folder, seeds)[0]


def drafts_asked(
    screenplay: Path, request: Request, folder: Path, seeds: int
) -> tuple[tuple[Request, ...], Path]:
    """What to ask for, for each of so many drafts, and where one storyboard of all goes.

    Args:
        screenplay: Its file.
        request: What is asked for beside it; drafts have its ``out`` as their name, which may be a
            template, and ``NAME.preview.mp4`` where None.
        folder: Where those go.
        seeds: Drafts.

    Raises:
        InputError: The template is none.
    """
    from holocine_core.film.extras import board_path
    from holocine_core.film.naming import draft_names

    asked = [replace(request, profile="draft", draft=number + 1) for number in range(seeds)]
    names, named_after = draft_names(screenplay, asked, folder)
    each = tuple(replace(one, out=name) for one, name in zip(asked, names, strict=True))
    return each, board_path(named_after)


def named_files(screenplay: str | Path) -> tuple[Path, ...] | None:
    """The pictures, sounds and LoRAs that a screenplay names, whatever else is wrong with it; None
    where it can not be read."""
    from holocine_core.script.named_files import named_files as found

    return found(Path(screenplay))


def require_board(planned: Plan, board: Path, *, force: bool = False) -> None:
    """Raises InputError where a storyboard of several drafts would replace what others made."""
    from holocine_core.film.extras import check_board

    check_board(planned, board, force=force)


def draw_board(plans: Sequence[Plan], board: Path, emit: Emit = ignore) -> Path:
    """The storyboard of several drafts, side by side.

    Args:
        plans: That they were made by.
        board: The picture's place.
        emit: Told of takes that are damaged: they are decoded again; and of a picture there that is
            put aside.
    """
    from holocine_core.film.extras import draw_board as draw
    from holocine_core.render import restore_clips

    for planned in plans:
        restore_clips(planned, emit)
    return draw(plans, board, emit)


def preview(
    screenplay: str | Path,
    request: Request = Request(),
    *,
    seeds: int = 1,
    force: bool = False,
    emit: Emit = ignore,
    should_stop: Stop = never,
) -> Drafts:
    """Make quick drafts and their storyboard: NAME.preview.mp4 and NAME.preview.png.

    Args:
        screenplay: A YAML file.
        request: What is asked for beside it; films go into the folder of its ``out``.
        seeds: Drafts, each of a seed one higher.
        force: Replace what is in the way.
        emit: Told of everything that happens.
        should_stop: Asked after every step.

    Raises:
        InputError, MachineError, RenderError, Interrupted: As :func:`render`.
    """
    from holocine_core.film.extras import Extras
    from holocine_core.film.ready import require_place
    from holocine_core.sample.studio import Studio

    if seeds < 1:
        raise InputError(f"{seeds} drafts are none", hint="ask for 1 or more")
    path = Path(screenplay)
    folder, extras = request.film(path).parent, Extras(preview=True)
    asked, board = drafts_asked(
        path, replace(request, out=None, anew=request.anew or force), folder, seeds
    )
    plans = [plan_to_render(path, one) for one in asked]
    require_board(plans[0], board, force=force)
    for planned in plans:
        films_of_call = [(path, one.out) for one in plans]
        require_place(planned, extras, films_of_call, force=force, here=True)
    with Studio(plans) as studio:
        films = [
            render(
                planned,
                extras=extras,
                force=force,
                emit=emit,
                should_stop=should_stop,
                studio=studio,
            )
            for planned in plans
        ]
    return Drafts(films=tuple(films), storyboard=draw_board(plans, board, emit))
