"""The drawn world as training sees it (``train.data.worlds``). No torch before work begins."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from holocine_core.events import Emit, Stop
from holocine_core.lab.stage.sample import JUDGE_SEEDS, MOST_SHOTS, SHOT_LENGTHS
from holocine_core.lab.stage.world import FPS, Repertoire
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.recipe import GROUP, Phase, Recipe

if TYPE_CHECKING:
    from holocine_core.lab.scenes import DrawnAhead
    from holocine_core.lab.second_task import FactReader
    from holocine_core.train.data.batches import Samples
    from holocine_core.train.networks import TrainingModel


@cache
def _repertoire() -> TypeAdapter[Repertoire]:
    return TypeAdapter(Repertoire)


class Stage:
    """The :class:`~holocine_core.train.data.worlds.DrawnWorld` of ``holocine stage``."""

    fps = FPS

    def within(self, told: Any) -> Repertoire:
        known = [field.name for field in fields(Repertoire)]
        # pydantic would pass over them: no model that forbids it stands around a plain dataclass.
        unknown = [key for key in told if key not in known] if isinstance(told, dict) else []
        if unknown:
            raise ValueError(f"`world` has no `{unknown[0]}`; it has {', '.join(known)}")
        return _repertoire().validate_python(told)

    def check(self, phase: Phase) -> None:
        assert phase.scenes is not None
        _check_lengths(phase)
        if phase.first_seed + phase.scenes > JUDGE_SEEDS:
            raise ValueError(
                f"scenes from seed {JUDGE_SEEDS} on are kept to measure models by; lower "
                "`first_seed` or `scenes`"
            )
        if phase.group % phase.batch or phase.group % GROUP:
            raise ValueError(
                f"`batch` is {phase.batch}; scenes of the stage are drawn by {GROUP}, so it "
                f"divides {GROUP} or is a multiple of it"
            )
        if phase.scenes % phase.group or phase.first_seed % phase.group:
            raise ValueError(
                f"`scenes` and `first_seed` must be multiples of {phase.group}; that many "
                "scenes share a layout of shots"
            )

    def outline(self, phase: Phase, most: int) -> tuple[int, list[tuple[LatentSpan, ...]]]:
        from holocine_core.lab.latent_cache import layout_of
        from holocine_core.lab.scenes import groups_of
        from holocine_core.train.data.batches import latent_spans

        groups = groups_of(phase)
        layouts = [layout_of(group, phase.latent_frames, phase.shots) for group in groups[:most]]
        return phase.group * len(groups), [latent_spans(layout) for layout in layouts]

    def open(
        self, recipe: Recipe, phase: Phase, model: TrainingModel, emit: Emit, should_stop: Stop
    ) -> tuple[Samples, Samples]:
        from holocine_core.lab.scenes import open_scenes

        return open_scenes(recipe, phase, model, emit, should_stop)

    def begin(self, recipe: Recipe, phase: Phase, model: TrainingModel) -> DrawnAhead:
        from holocine_core.lab.scenes import DrawnAhead, wanted_of

        return DrawnAhead(wanted_of(recipe, phase, model))

    def reader(self, width: int) -> FactReader:
        from holocine_core.lab.second_task import FactReader

        return FactReader(width)

    def note_vocabulary(self, tokenizer: Path, world: Repertoire) -> None:
        from holocine_core.lab.words.taught import note_vocabulary

        note_vocabulary(tokenizer, world)


def _check_lengths(phase: Phase) -> None:
    shortest, longest = phase.shots
    if not shortest <= longest <= SHOT_LENGTHS[1]:
        raise ValueError(
            f"`shots` is {shortest} to {longest}; give the shorter first, and at most "
            f"{SHOT_LENGTHS[1]}"
        )
    least, most = phase.latent_frames
    if most < shortest or least > MOST_SHOTS * longest:
        raise ValueError(
            f"no scene of 1 to {MOST_SHOTS} shots of {shortest} to {longest} latent frames "
            f"has {least} to {most} of them; change `frames` or `shots`"
        )


WORLD = Stage()
