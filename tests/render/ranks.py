"""Films' latents by several ranks beside those of one process; run by every rank (tests.forked).

Prints a line per case: its name and the greatest difference, on the leader.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from holocine_core.film.planning import plan_film
from holocine_core.model.parallel import join
from holocine_core.model.tiny import TINY_SHAPE, write_tiny
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.crew import Crew, serve
from holocine_core.sample.generator import Generator
from holocine_core.sample.known_latents import KnownLatents
from holocine_core.sample.mechanism import WHOLE, Mechanism
from holocine_core.script.timeline import LatentSpan

SCENE = """
seed: 5
size: 48x32
profiles: {{standard: {{steps: 4, guidance: {guidance}, {more}}}}}
{lora}
scenes:
  - global: A cliff at night.
    frames: 29
    cuts: [7, 17]
    shots: [Wide shot of the cliff., A lamp., A gull flies.]
"""
OPEN = Mechanism(windows=False)
FOUR_HEADS = replace(TINY_SHAPE, width=96, heads=4)


def float32(plan: Plan) -> Plan:
    return replace(plan, placement=replace(plan.placement, bf16=False))


def cases(folder: Path) -> Iterator[tuple[str, Plan, Mechanism, Any]]:
    """Plans, and what of their take is known."""

    def plan(name: str, model: str, **told: str) -> Plan:
        values = {"guidance": "2", "more": "", "lora": "", **told}
        path = folder / f"{name}.yaml"
        path.write_text(SCENE.format(**values))
        return float32(plan_film(path, Request(model=str(folder / model), out=folder / "x.mp4")))

    def known(of: Plan) -> KnownLatents:
        (take,) = of.takes
        frames = take.timeline.latent_frames
        shape = (1, of.model.spec.shape.latent_channels, frames, 4, 6)
        latents = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        return KnownLatents(latents_BCFHW=latents, spans=[LatentSpan(0, 3)], method="clean")

    sparse = plan("sparse", "two")
    yield "sparse, two experts", sparse, WHOLE, None
    yield "full", plan("full", "full"), WHOLE, None
    yield "windows open", sparse, OPEN, None
    yield "unguided", plan("unguided", "two", guidance="1"), WHOLE, None
    half = plan("half", "one", more="guidance_stop: 0.5")
    yield "half of the steps guided, one expert", half, WHOLE, None
    yield "sde", plan("sde", "one", more="sampler: sde"), WHOLE, None
    yield "known latents", half, WHOLE, known(half)
    told = "lora: [{file: lora.safetensors, weight: 0.7}]"
    yield "LoRA", plan("lora", "one", lora=told), WHOLE, None


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    ranks = join("cpu")
    if not ranks.leads:
        serve(ranks, lambda plan, crew: Generator(plan, crew=crew))
        return
    crew = Crew(ranks)
    for name, plan, mechanism, known in cases(folder):
        (take,) = plan.takes
        alone = Generator(plan, mechanism=mechanism).denoise(take, known=known)
        crew.open(plan)
        together = Generator(plan, mechanism=mechanism, crew=crew).denoise(take, known=known)
        error = (together - alone).abs().max().item()
        print(f"{name}: {error:.2e} of {alone.abs().max():.1f}", flush=True)
    crew.close()


def write_models(folder: Path) -> None:
    """What the cases film with; for a caller, who then starts the ranks."""
    write_tiny(folder / "two", shape=FOUR_HEADS)
    write_tiny(folder / "full", attention="full", shape=FOUR_HEADS)
    write_tiny(folder / "one", experts=1, shape=FOUR_HEADS)
    drawn, width = torch.Generator().manual_seed(4), FOUR_HEADS.width
    name = "diffusion_model.blocks.0.self_attn.q"
    pair = {
        f"{name}.lora_down.weight": torch.randn(4, width, generator=drawn),
        f"{name}.lora_up.weight": torch.randn(width, 4, generator=drawn),
    }
    save_file(pair, folder / "lora.safetensors")


if __name__ == "__main__":
    main()
