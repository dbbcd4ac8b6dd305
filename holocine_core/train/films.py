"""Films of a model in training, rendered as anyone would render them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from holocine_core.errors import InputError
from holocine_core.film.boards import draw_storyboard
from holocine_core.film.planning import plan_film
from holocine_core.model.lora.file import LoraFile
from holocine_core.render import render
from holocine_core.request import Request
from holocine_core.train.recipe import Films, Recipe

STORYBOARD = ".storyboard.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What films of one expert are made with beside it.

    Attributes:
        model: What the run starts from: a folder, or a model's name.
        loras: Those that earlier experts of the recipe became.
    """

    model: Path
    loras: tuple[Path, ...] = ()

    def files(self) -> Iterator[LoraFile]:
        """As a render takes them."""
        # High noise is trained first.
        return (lora_file(path, "high") for path in self.loras)


def lora_file(path: Path, expert: Literal["high", "low", "both"] | None) -> LoraFile:
    """A LoRA of a run as a render takes it."""
    return LoraFile(path=path, expert=expert or "both")


def check_films(recipe: Recipe, model: Path) -> None:
    """Plan every film with the model a run starts from, so that a fault is told before training.

    Raises:
        InputError: A screenplay is wrong, or two have one name.
    """
    if recipe.films is None:
        return
    names = [Path(name).stem for name in recipe.films.screenplays]
    if len(set(names)) < len(names):
        raise InputError(
            "two of the screenplays under `films` have one name",
            where=", ".join(recipe.films.screenplays),
            hint="rename one: films are named after their screenplays",
        )
    unused = Path(recipe.out) / "films" / "unused.mp4"
    for name in recipe.films.screenplays:
        plan_film(name, _request(recipe.films, model, unused))


def show_films(
    films: Films,
    model: Path,
    folder: Path,
    *,
    device: str,
    should_stop: Callable[[], bool],
    loras: Sequence[LoraFile] = (),
) -> Iterator[Path]:
    """Render every screenplay with its storyboard; yields each film.

    Args:
        films: The screenplays and their profile.
        model: A pipeline folder.
        folder: Where the films go.
        device: Where to render.
        should_stop: Asked after every denoising step.
        loras: Laid over the model.

    Raises:
        RenderError, MachineError: A film failed.
        Interrupted: ``should_stop`` said so.
    """
    work = folder / ".work"
    folder.mkdir(parents=True, exist_ok=True)
    for name in films.screenplays:
        out = folder / f"{Path(name).stem}.mp4"
        request = _request(films, model, out, device=device, work=work / out.stem, loras=loras)
        plan = plan_film(name, request)
        render(plan, force=True, should_stop=should_stop)
        draw_storyboard(plan, out.with_suffix(STORYBOARD))
        yield out
    shutil.rmtree(work, ignore_errors=True)


def _request(
    films: Films,
    model: Path,
    out: Path,
    *,
    device: str = "cpu",
    work: Path | None = None,
    loras: Sequence[LoraFile] = (),
) -> Request:
    return Request(
        out=out,
        profile=films.profile,
        model=str(model),
        device=device,
        work=work,
        loras=tuple(loras),
        anew=True,
    )
