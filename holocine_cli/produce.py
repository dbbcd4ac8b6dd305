"""One planned film, made in front of a person: progress, Ctrl-C, and what goes beside the film."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_cli.console import moves, write
from holocine_cli.contract import problem_record
from holocine_cli.progress import Reporter, reporting
from holocine_cli.session import Session
from holocine_cli.signals import SHOW_CURSOR, stoppable
from holocine_core.errors import InputError, Interrupted
from holocine_core.plan.values import Plan
from holocine_core.production import draw_storyboard, export_shots
from holocine_core.render import render
from holocine_core.vault import Vault, disk_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What may be said beside the plan."""

    force: bool
    shots: Path | None = None
    """Folder for every shot as a clip of its own."""
    storyboard: bool = False


def board_path(film: Path) -> Path:
    """``x.preview.mp4`` -> ``x.preview.png``; ``x.mp4`` -> ``x.storyboard.png``."""
    preview = film.stem.endswith(".preview")
    return film.with_suffix(".png" if preview else ".storyboard.png")


def produce(session: Session, plan: Plan, extras: Extras, record: dict[str, Any]) -> None:
    """Render a plan; its path is the product. ``record`` holds the outcome however it ends.

    Raises:
        Interrupted: With the command that goes on.
        InputError, MachineError, RenderError: As ``render``.
    """
    console = session.console
    for warning in plan.warnings:
        console.warn(warning)
    record |= {"warnings": [problem_record(problem) for problem in plan.warnings]}
    with reporting(plan, console) as reporter:
        try:
            with stoppable(lambda number: _asked(session, number), _last_words) as should_stop:
                film = render(plan, reporter, force=extras.force, should_stop=should_stop)
        except Interrupted as stopped:
            place = f": {reporter.place}" if reporter.place else ""
            raise Interrupted(
                f"everything finished so far is kept{place}", hint=f"go on with: {session.line}"
            ) from stopped
        finally:
            record["takes"] = _takes(plan, reporter, film_is_ready=False)
    record |= {
        "film": str(film.path),
        "up_to_date": film.up_to_date,
        "frames": film.frames,
        "width": film.width,
        "height": film.height,
        "fps": float(film.fps),
        "seconds": film.seconds,
        "takes": _takes(plan, reporter, film_is_ready=True),
    }
    _make_extras(session, plan, extras, record)
    console.product(str(film.path))


def _make_extras(session: Session, plan: Plan, extras: Extras, record: dict[str, Any]) -> None:
    if extras.shots is None and not extras.storyboard:
        return
    vault = Vault(plan.work)
    if any(vault.find("clips", take.clip_key) is None for take in plan.takes):
        raise InputError(
            f"{plan.out} is finished, but its takes are no longer there to cut from",
            where=str(plan.work),
            hint="move the film away and render it again",
        )
    if extras.shots is not None:
        with disk_errors("make the folder", extras.shots):
            extras.shots.mkdir(parents=True, exist_ok=True)
        clips = export_shots(plan, extras.shots)
        record["shots"] = [str(path) for path in clips]
        session.console.note(f"{len(clips)} shots are in {extras.shots}")
    if extras.storyboard:
        board = draw_storyboard(plan, board_path(plan.out))
        record["storyboard"] = str(board)
        session.console.note(f"storyboard: {board}")


def _takes(plan: Plan, reporter: Reporter, *, film_is_ready: bool) -> list[dict[str, Any]]:
    """Every take with how it ended: shot, reused, failed, or waiting."""
    vault = Vault(plan.work)
    rest = "reused" if film_is_ready else "waiting"
    takes = []
    for take in plan.takes:
        clip = vault.find("clips", take.clip_key)
        takes.append(
            {
                "scene": take.scene,
                "state": reporter.states.get(take.scene, rest),
                "path": None if clip is None else str(clip.path),
                "seed": take.seed,
                "fingerprint": take.negative_key,
            }
        )
    return takes


def _asked(session: Session, number: int) -> None:
    session.stopped_by = number
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    session.console.note(f"{name}: ending after this step; once more ends now")


def _last_words() -> None:
    """Leave the terminal usable; a live display holds ``sys.stderr`` itself."""
    stream = sys.__stderr__
    if stream is not None and moves(stream):
        write(stream, f"\n{SHOW_CURSOR}")
