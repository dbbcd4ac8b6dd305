"""The held-out loss of a model, as `holocine train` measures it between steps: drawn scenes
that no run trains on, told by their own text and by each other's.

    python -m benchmarks.held_out nano-longer [--phase 2] [--model nano]

A phase of the recipe says how long the scenes are; the recipe's shift, bins and seed are kept.
"""

from __future__ import annotations

import argparse
import tempfile

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed, tiny
from holocine_core.events import ignore
from holocine_core.model.locate import find_model
from holocine_core.shipped.names import RECIPES, file_meant
from holocine_core.train.data.loader import open_datasets
from holocine_core.train.networks import open_networks
from holocine_core.train.recipe import GROUP, HeldOut, Recipe
from holocine_core.train.recipe_file import read_recipe
from holocine_core.train.recipe_start import Start
from holocine_core.train.validation import validation_loss


def only_held_out(recipe: Recipe, number: int, cache: str, *, quick: bool) -> Recipe:
    """The recipe with one of its phases, of which hardly anything is drawn to train on; in a quick
    run hardly anything at all."""
    phase = recipe.phases[number - 1]
    few = {"batch": 4, "accumulate": 1, "scenes": 4}
    short = {"frames": (9, 17), "shots": (1, 2)} if quick else {}
    changes = {"phases": (phase.model_copy(update=few | short),), "cache": cache}
    if quick:
        changes["held_out"] = HeldOut(scenes=GROUP)
    return recipe.model_copy(update=changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--phase", type=int, default=1, help="its number in the recipe")
    parser.add_argument("--model", default="nano")
    args = parsed(parser, recipe="nano-quick", model=tiny)
    read = read_recipe(file_meant(args.recipe, RECIPES), Recipe)
    if not 1 <= args.phase <= len(read.phases):
        parser.error(f"--phase is a number from 1 to {len(read.phases)}")
    if read.phases[args.phase - 1].scenes is None:
        parser.error(f"phase {args.phase} is of a folder; name one of drawn `scenes`")
    located = find_model(args.model)
    with tempfile.TemporaryDirectory() as cache:
        recipe = only_held_out(read, args.phase, cache, quick=args.quick)
        recipe = recipe.model_copy(update={"model": Start(folder=str(located.folder))})
        model = open_networks(recipe, located.folder, torch.device("cpu"))
        (phase,) = recipe.phases
        _, clips = open_datasets(recipe, phase, model, {}, ignore, lambda: False)
        assert clips is not None
        found = validation_loss(recipe, model, clips, [phase.batch] * len(clips.sizes))
    print(f"*{machine()}; {args.model}, {sum(clips.sizes)} scenes of {phase.frames} frames*\n")
    print("| told | loss |")
    print("|---|---|")
    print(f"| its own text | {found.mean:.3f} |")
    print(f"| another's text | {found.swapped:.3f} |")


if __name__ == "__main__":
    main()
