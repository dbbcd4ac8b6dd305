"""What of the drawn world a model learned, as its weights tell it."""

from __future__ import annotations

from holocine_core.lab.stage.world import EVERYTHING, Repertoire
from holocine_core.model.components import LocatedModel
from holocine_core.train.checkpoints import RECIPE
from holocine_core.train.export import named


def world_of(located: LocatedModel) -> Repertoire:
    """What of the stage a model learned last, by the recipes in its weights; everything where they
    don't say. Phases that trained on a folder of clips say nothing of the stage."""
    for run in reversed(named(located.component("transformer").paths[0].parent)):
        for phase in reversed(run[RECIPE].get("phases") or ()):
            if phase.get("scenes") is not None and phase.get("world") is not None:
                world = phase["world"]
                return Repertoire(**{name: tuple(values) for name, values in world.items()})
    return EVERYTHING
