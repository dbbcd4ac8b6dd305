"""A training by several ranks; run by every rank (see tests.forked).

The word it gets is a recipe, whose name may end in ``:STEPS``: it is stopped after so many.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import torch

from holocine_core.errors import Interrupted
from holocine_core.events import Event, TrainStepDone
from holocine_core.train.recipe import Recipe
from holocine_core.train.recipe_file import read_recipe
from holocine_core.train.run import train


def main() -> None:
    torch.set_num_threads(1)
    name, _, steps = sys.argv[1].partition(":")
    done: list[Event] = []

    def stop() -> bool:
        return bool(steps) and sum(isinstance(e, TrainStepDone) for e in done) >= int(steps)

    recipe = read_recipe(Path(name), Recipe)
    with contextlib.suppress(Interrupted):
        train(recipe, device="cpu", emit=done.append, should_stop=stop)


if __name__ == "__main__":
    main()
