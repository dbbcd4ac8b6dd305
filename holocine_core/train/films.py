"""Films of a model in training, made by the networks that train: none is opened a second time.

Of several ranks the leader directs and keeps; the others make the same passes, since each holds a
share of the weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from holocine_core.errors import InputError, MachineError
from holocine_core.events import Emit, Stop, ignore, never
from holocine_core.film.boards import draw_storyboard
from holocine_core.film.planning import plan_film
from holocine_core.model.attention.layout import ShotLayout
from holocine_core.model.components import LocatedModel
from holocine_core.model.lora.file import LoraFile
from holocine_core.plan.values import Plan
from holocine_core.render import render
from holocine_core.request import WORK, Request
from holocine_core.sample.generator import Generator
from holocine_core.sample.studio import Studio
from holocine_core.store.vault import disk_errors, fingerprint
from holocine_core.train.networks import Source, TrainingModel
from holocine_core.train.places import screenplay_meant
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import precision

STORYBOARD = ".storyboard.png"


def check_films(recipe: Recipe, located: LocatedModel) -> None:
    """Plan every film with the model a run starts from, so that a fault is told before training.

    Raises:
        InputError: A screenplay is wrong, two have one name, or one asks for what networks in
            training can't do.
    """
    if recipe.films is None:
        return
    located = _as_trained(recipe, located)
    names = [_stem(name) for name in recipe.films.screenplays]
    if len(set(names)) < len(names):
        raise InputError(
            "two of the screenplays under `films` have one name",
            where=", ".join(recipe.films.screenplays),
            hint="rename one: films are named after their screenplays",
        )
    for name in recipe.films.screenplays:
        plan = _planned(recipe, located, name, Path(recipe.out) / "films")
        takes = [one for take in plan.takes for one in take.chain()]
        odd = {
            "`cache`": any(take.sampling.cache is not None for take in takes),
            "LoRAs of single shots": any(take.loras for take in takes),
        }
        for what, asked in odd.items():
            if asked:
                raise InputError(
                    f"networks in training film without {what}",
                    where=name,
                    hint="leave that out of the screenplay that training shows",
                )


class PassFailed(MachineError):
    """A pass of several ranks failed on this one: the run can't go on."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """What a forward pass is given; the layout, since every rank's context has its own."""

    x: Tensor
    time: Tensor
    text: Tensor
    layout: ShotLayout


class Rehearsal:
    """Makes a run's films.

    Args:
        recipe: The run.
        source: What it starts from.
        loras: Those that earlier experts of the recipe became, high noise first.
    """

    def __init__(self, recipe: Recipe, source: Source, loras: Sequence[Path] = ()) -> None:
        self._recipe = recipe
        self._source = source
        self._located = _as_trained(recipe, source.located)
        self._loras = tuple(LoraFile(path=path, expert="high") for path in loras)
        self._generator: Generator | None = None

    def read(self) -> None:
        """Encode what the films say, while there is room for the text encoder.

        Raises:
            MachineError: Files are missing, or memory ran out.
        """
        recipe, source = self._recipe, self._source
        if recipe.films is None or source.texts is None:
            return
        plans = self._plans(self._located, Path(recipe.out) / "films")
        self._generator = Generator(plans[0])
        self._generator.turn_to(plans[0], ignore, plans[1:])
        self._generator.encode(plans[0].takes[0])
        self._generator.close()

    def show(
        self, model: TrainingModel, step: int, emit: Emit = ignore, should_stop: Stop = never
    ) -> Iterator[Path]:
        """Film every screenplay with the weights that the networks hold now; yields each film, on
        the leader. All ranks call it.

        Args:
            model: The networks.
            step: Steps done.
            emit: Told of what the renders tell.
            should_stop: Asked after every denoising step.

        Raises:
            RenderError, MachineError: A film failed.
            Interrupted: ``should_stop`` said so.
        """
        if model.team is not None and not model.team.leads:
            _follow(self._recipe, model)
            return
        try:
            yield from self._films(model, step, emit, should_stop)
        except PassFailed:
            raise  # The others are within it, and would wait for ever.
        except BaseException:
            if model.team is not None:
                model.team.agree(None)
            raise
        if model.team is not None:
            model.team.agree(None)

    def is_shown(self, step: int) -> bool:
        """Whether the films of a step are all there."""
        assert self._recipe.films is not None
        folder = Path(self._recipe.out) / "films" / f"step-{step:07d}"
        names = map(_stem, self._recipe.films.screenplays)
        return all((folder / f"{name}.mp4").is_file() for name in names)

    def _films(
        self, model: TrainingModel, step: int, emit: Emit, should_stop: Stop
    ) -> Iterator[Path]:
        folder = Path(self._recipe.out) / "films" / f"step-{step:07d}"
        plans = self._plans(self._now(step), folder)
        with disk_errors("make the folder", folder):
            folder.mkdir(parents=True, exist_ok=True)
        with _Set(plans, lambda plan: self._open(model, plan)) as studio:
            for plan in plans:
                render(plan, emit, force=True, should_stop=should_stop, studio=studio)
                draw_storyboard(plan, plan.out.with_suffix(STORYBOARD))
                yield plan.out
        shutil.rmtree(folder / WORK, ignore_errors=True)

    def _now(self, step: int) -> LocatedModel:
        """The model as it is at a step: its trained parts are in no file."""
        recipe, located = self._recipe, self._located
        parts = [self._source.part if p == "transformer" else p for p in recipe.parts]
        made = [recipe.model_dump(mode="json"), sorted(located.identity().items()), step]
        return replace(
            located,
            spec=replace(located.spec, name=f"{located.spec.name} at step {step} of {recipe.out}"),
            standing={part: fingerprint([*made, part]) for part in parts},
        )

    def _plans(self, located: LocatedModel, folder: Path) -> list[Plan]:
        """All films' plans."""
        assert self._recipe.films is not None
        device = self._source.device
        request = Request(
            device=str(device),
            # One network at a time beside those that train.
            memory="resident" if device.type == "cpu" else "swap",
            loras=self._loras,
        )
        return [
            _planned(self._recipe, located, name, folder, request)
            for name in self._recipe.films.screenplays
        ]

    def _open(self, model: TrainingModel, plan: Plan) -> Generator:
        """A film's networks: those that train are open; texts that were read are kept."""
        networks: dict[str, Any] = {model.part: _Filming(self._recipe, model)}
        if model.text_encoder is not None:
            networks["text_encoder"] = model.text_encoder
        if self._generator is None or "text_encoder" in self._recipe.parts:
            self._generator = Generator(plan)
        self._generator.take_over(networks, model.context)
        return self._generator


def _as_trained(recipe: Recipe, located: LocatedModel) -> LocatedModel:
    """A base whose films have the attention that the run trains."""
    attention = recipe.attention or located.spec.attention
    return replace(located, spec=replace(located.spec, attention=attention))


def _planned(
    recipe: Recipe,
    located: LocatedModel,
    screenplay: str,
    folder: Path,
    request: Request = Request(device="cpu"),
) -> Plan:
    """A film's plan.

    What its model is estimated to need counts networks that are open already: too little memory is
    told when it comes.
    """
    assert recipe.films is not None
    asked = replace(
        request,
        out=folder / f"{_stem(screenplay)}.mp4",
        profile=recipe.films.profile,
        model=located.spec.name,
        located=located,
        anew=True,
    )
    return replace(plan_film(screenplay_meant(screenplay, located), asked), obstacles=())


def _stem(screenplay: str) -> str:
    """What the film of a screenplay, or of a template, is called."""
    return Path(screenplay).stem


class _Set(Studio):
    """One generator for all films: what they say is kept from one showing to the next.

    Args:
        plans: The films.
        open_generator: Gives it.
    """

    def __init__(self, plans: Sequence[Plan], open_generator: Callable[[Plan], Generator]) -> None:
        super().__init__()
        self._plans = tuple(plans)
        self._of = open_generator
        self._held: Generator | None = None

    def generator(self, plan: Plan, emit: Emit = ignore) -> Generator:
        if self._held is None:
            self._held = self._of(plan)
        self._held.turn_to(plan, emit, self._plans)
        return self._held

    def peak_bytes(self) -> int | None:
        return None  # Training's memory counts.

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
        self._held = None


class _Filming:
    """The transformer that trains, as a film's passes call it."""

    def __init__(self, recipe: Recipe, model: TrainingModel) -> None:
        self._recipe = recipe
        self._model = model

    def __call__(
        self,
        *,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        return_dict: bool,
    ) -> tuple[Tensor]:
        layout, team = self._model.context.layout, self._model.team
        asked = _Pass(hidden_states, timestep, encoder_hidden_states, layout)
        if team is None:
            return (_pass(self._recipe, self._model, asked),)
        team.agree(_Pass(asked.x.cpu(), asked.time.cpu(), asked.text.cpu(), layout))
        try:
            return (_pass(self._recipe, self._model, asked),)
        except RuntimeError as error:
            raise PassFailed(
                f"a pass of a film failed: {str(error).partition(chr(10))[0]}",
                where="films",
                hint="show smaller films, or none: leave `films` out; what is kept goes on",
            ) from error


def _follow(recipe: Recipe, model: TrainingModel) -> None:
    """Make the leader's passes with it, until it has filmed."""
    assert model.team is not None
    while (asked := model.team.agree(None)) is not None:
        _pass(recipe, model, asked)


@torch.no_grad()
def _pass(recipe: Recipe, model: TrainingModel, asked: _Pass) -> Tensor:
    """A pass in the precision of training."""
    model.context.layout = asked.layout
    with precision(recipe, model.device, parted=model.team is not None), model.together():
        said: Tensor = model.transformer(
            hidden_states=asked.x.to(model.device).float(),
            timestep=asked.time.to(model.device),
            encoder_hidden_states=asked.text.to(model.device).float(),
            return_dict=False,
        )[0]
    return said
