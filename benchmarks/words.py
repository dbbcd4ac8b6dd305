"""How far words reach: of what a fact changes in a picture, how much do its words foretell?

    python -m benchmarks.words [--model FOLDER] [--scenes 24]

Scenes of one person are drawn twice, the second time with one fact changed, and told in full. At
a noise level sigma, the network foretells the clean latents from the noisy first picture, by the
words of the first and by those of the second. Printed is the share of the change that words make:

    <x'(second words) - x'(first words), second - first> / |second - first|^2

0 for words that mean nothing. 1 is out of reach, since no words tell where every line lies, and at
lower noise the picture itself says more and words less. A loss hides this: a hat is few pixels.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_core.lab.judge.data import load_codec
from holocine_core.lab.learned import world_of
from holocine_core.lab.stage.caption import tell
from holocine_core.lab.stage.facts import PERSON
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS, sample_scene
from holocine_core.lab.stage.world import Person, Repertoire, Scene
from holocine_core.model import spec
from holocine_core.model.locate import find_model
from holocine_core.sample import flow
from holocine_core.sample.vae import encode_frames
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.timeline import LatentSpan
from holocine_core.train.data.batches import Batch
from holocine_core.train.networks import TrainingModel, open_networks
from holocine_core.train.recipe import Recipe
from holocine_core.train.step import Draw, loss_of

NANO = Path(spec.__file__).parent / "nano"
SIGMAS = (1.0, 0.95, 0.9, 0.8, 0.6)
LATENT_FRAMES = 3
LOOKS = (
    "top_colour",
    "bottom_colour",
    "hair_colour",
    "skin",
    "headwear_colour",
    "headwear",
    "top",
    "bottom",
    "build",
)


def scenes_of(count: int, within: Repertoire) -> list[Scene]:
    """Held-out scenes of one shot that shows one person."""
    found: list[Scene] = []
    seed = HELD_OUT_SEEDS
    while len(found) < count:
        seed += 1
        scene = sample_scene(seed, (LATENT_FRAMES,), novel=False, within=within)
        people = [member for member in scene.cast if isinstance(member, Person)]
        if len(scene.cast) == len(people) == len(scene.shots[0].roles) == 1:
            found.append(scene)
    return found


def changed(scene: Scene, fact: str, within: Repertoire) -> Scene:
    """The scene with another value of a fact."""
    rng = random.Random(f"{scene.seed} {fact}")
    if fact in ("set", "time", "weather"):
        known = {"set": within.sets, "time": within.times, "weather": within.weathers}[fact]
        other = rng.choice([one for one in known if one != getattr(scene.place, fact)])
        return replace(scene, place=replace(scene.place, **{fact: other}))
    person = scene.cast[0]
    other = rng.choice([one for one in PERSON[fact] if one != getattr(person, fact)])
    return replace(scene, cast=(replace(person, **{fact: other}),))


class Foretelling:
    """A model's transformer, asked what it makes of noisy latents and a text."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._recipe = _recipe(folder, size)
        self._model: TrainingModel = open_networks(self._recipe, folder, torch.device("cpu"))
        self._vae = load_codec(folder / "vae")
        self._size = size
        self._out: Tensor | None = None
        self._model.transformer.register_forward_hook(self._keep)

    def _keep(self, module: object, args: object, output: tuple[Tensor, ...]) -> None:
        self._out = output[0].float()

    def latents(self, scenes: Sequence[Scene]) -> Tensor:
        """Drawn and encoded [B, C, F, H, W]."""
        width, height = self._size
        drawn = [draw(scene, height, width).numpy() for scene in scenes]
        return torch.cat([encode_frames(self._vae, frames).float() for frames in drawn])

    @torch.no_grad()
    def __call__(
        self, clean: Tensor, prompts: Sequence[ScenePrompt], noise: Tensor, sigma: float
    ) -> Tensor:
        """The clean latents as foretold from ``clean`` with noise."""
        count = len(prompts)
        shots = (LatentSpan(0, clean.shape[2]),)
        batch = Batch(latents_BCFHW=clean, prompts=tuple(prompts), shots=(shots,))
        drawn = Draw(
            sigma_B=torch.full((count,), sigma),
            weight_B=torch.ones(count),
            noise_BCFHW=noise,
            dropped=(False,) * count,
            clean_BF=None,
            full=False,
        )
        loss_of(self._recipe, self._model, batch, drawn)
        assert self._out is not None
        levels = torch.full((count, clean.shape[2]), sigma)
        return flow.noisy(clean, noise, levels[:, None, :, None, None]) - sigma * self._out


def _recipe(folder: Path, size: tuple[int, int]) -> Recipe:
    phase = {"size": f"{size[0]}x{size[1]}", "steps": 1000, "scenes": 8}
    return Recipe.model_validate(
        {"out": "none", "model": {"folder": str(folder)}, "phases": [phase]}, strict=False
    )


def told(scene: Scene) -> ScenePrompt:
    """All that can be said of a scene, in the same words whatever the other facts are."""
    screenplay = tell(scene, random.Random(scene.seed), share=1.0).screenplay
    return compose(screenplay, screenplay.scenes[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=NANO, help="a model's folder")
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--size", default="224x128")
    args = parsed(parser, scenes=1, size="64x48")
    width, height = map(int, args.size.split("x"))
    within = world_of(find_model(str(args.model)))
    network = Foretelling(args.model, (width, height))
    scenes = scenes_of(args.scenes, within)
    first = network.latents(scenes)
    noise = torch.randn(first.shape, generator=torch.Generator().manual_seed(0))
    own = {sigma: network(first, [*map(told, scenes)], noise, sigma) for sigma in SIGMAS}
    print(f"*{machine()}; {args.model.name}, {args.scenes} scenes, {args.size}*\n")
    print("| fact | " + " | ".join(f"sigma {sigma:g}" for sigma in SIGMAS) + " |")
    print("|---|" + "---|" * len(SIGMAS))
    for fact in ("set", "time", "weather", *LOOKS):
        others = [changed(scene, fact, within) for scene in scenes]
        change = network.latents(others) - first
        shares = []
        for sigma in SIGMAS:
            moved = network(first, [*map(told, others)], noise, sigma) - own[sigma]
            shares.append(float((moved * change).sum() / change.square().sum()))
        print(f"| {fact} | " + " | ".join(f"{share:.3f}" for share in shares) + " |", flush=True)


if __name__ == "__main__":
    main()
