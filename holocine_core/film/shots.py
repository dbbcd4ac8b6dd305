"""A film's shots as clips of their own.

May import: plan, vault, edit, film.finish.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from holocine_core.plan.values import Plan
from holocine_core.store.files import Ready
from holocine_core.store.vault import Vault


def shot_names(plan: Plan) -> list[list[str]]:
    """Per take, its shots' file names without suffix: ``SCENE-NN``, each once in any case."""
    return [
        [f"{take.scene}-{i + 1:02d}" for i in range(take.timeline.shots)] for take in plan.takes
    ]


def shot_paths(plan: Plan, folder: Path) -> list[Path]:
    """Where ``export_shots`` puts every shot, in the film's order."""
    suffix = ".mov" if plan.delivery.codec == "prores" else ".mp4"
    return [folder / f"{name}{suffix}" for names in shot_names(plan) for name in names]


def export_shots(
    plan: Plan,
    folder: Path,
    ready: Ready = lambda made, out: None,
    written: Callable[[Path], None] = lambda path: None,
) -> list[Path]:
    """Write every shot of a rendered plan as a clip of its own, frame-exact, as the film is
    delivered and with its sound.

    Args:
        folder: Made where missing; files of the shots' names in it are replaced.
        ready: Told of every clip right before it gets its name.
        written: Told of every clip right after it got its name; may raise to end the work.
    """
    from holocine_core.edit.stitch import ShotCut, cut_shots
    from holocine_core.film.finish import stitch_job

    wanted = [
        ShotCut(clip=clip, span=span, name=name, title=title)
        for clip, (take, names) in enumerate(zip(plan.takes, shot_names(plan), strict=True))
        for span, name, title in zip(
            take.timeline.shot_spans, names, take.prompt.shots, strict=True
        )
    ]
    made: list[Path] = []
    cutting = cut_shots(stitch_job(plan, Vault(plan.work)), wanted, folder, ready)
    with closing(cutting):
        for path in cutting:
            made.append(path)
            written(path)
    return made
