"""Does a LoRA that learned a character film it?

    holocine stage samples --person 3 --model nano --size 224x128 --count 24
    holocine train lora-character
    python -m benchmarks.character runs/lora-character/lora.safetensors --person 3 [--scenes 12]

New scenes with one person, whose look no caption tells, are filmed with and without the LoRA. The
judge reads how often the person has the character's look, of fields that it can be believed in.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.evaluate.numbers import Tally, share, tally
from holocine_core.evaluate.table import METRICS, shown_value
from holocine_core.lab.judge.network import SHIPPED, TrainedJudge, load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.stage.caption import tell
from holocine_core.lab.stage.facts import PEOPLE, PERSON
from holocine_core.lab.stage.sample import SUITE_SEEDS, sample_person, sample_scene
from holocine_core.lab.stage.view import in_view
from holocine_core.lab.stage.world import Person, Repertoire
from holocine_core.lab.suites.suite import Case, Filmed
from holocine_core.lab.suites.suite_films import frames_of, plan_case
from holocine_core.model.locate import find_model
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.tiny import TINY_SHAPE
from holocine_core.render import render
from holocine_core.request import Request


def case_of(seed: int, lead: Person, within: Repertoire) -> Case:
    """A scene with the character alone, whose look is not told."""
    scene = sample_scene(seed, within=within, lead=lead)
    telling = tell(scene, random.Random(f"character {seed}"), looks=False)
    return Case(
        name=f"character-{seed}",
        scene=scene,
        said=telling.said,
        screenplay=telling.screenplay,
        noise=seed % 2**31,
    )


def invented() -> Path:
    """A random LoRA for the tiny model."""
    from safetensors.torch import save_file

    width = TINY_SHAPE.width
    draw = torch.Generator().manual_seed(0)
    layers = ("attn1.to_q", "attn2.to_v")
    sides = {"lora_A": (4, width), "lora_B": (width, 4)}
    tensors = {
        f"transformer.blocks.0.{layer}.{side}.weight": torch.randn(size, generator=draw)
        for layer in layers
        for side, size in sides.items()
    }
    path = scratch("lora.safetensors")
    save_file(tensors, path)
    return path


def seen(film: Filmed, reader: TrainedJudge) -> Tally:
    """How often the judge sees the character's look in a film."""
    shots = film.case.scene.shots
    readings = reader([film.frames[shot.frames.start : shot.frames.stop] for shot in shots])
    hits: list[bool] = []
    for shot, reading in zip(shots, readings, strict=True):
        for field, value in in_view(film.case.scene, shot).items():
            slot, _, name = field.partition(".")
            if slot in PEOPLE and name in PERSON and reader.trust.reads(field, shot.size):
                hits.append(reading.value(field) == value)
    return tally(hits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lora", type=Path)
    parser.add_argument("--person", type=int, required=True)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--seed", type=int, default=SUITE_SEEDS)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--judge", type=Path, default=SHIPPED)
    parser.add_argument("--work", type=Path, default=Path(".holocine/character"))
    parser.add_argument("--image", type=Path, help="films with the LoRA, a row each")
    args = parsed(parser, lora=invented, person=3, scenes=1, model=tiny, work=scratch)
    within = world_of(find_model(args.model))
    reader = load_judge(args.judge, asked=within)
    lead = sample_person(random.Random(f"person {args.person}"))
    cases = [case_of(args.seed + i, lead, within) for i in range(args.scenes)]
    rows = []
    print(f"*{machine()}; {args.scenes} scenes, {args.model}, {args.lora.name}*\n")
    print("| | looks of the character |\n|---|---|")
    for name, loras in (("without the LoRA", ()), ("with it", (LoraFile(path=args.lora),))):
        films = []
        for number, case in enumerate(cases, 1):
            print(f"{name}: {number} of {len(cases)}", file=sys.stderr)
            plan = plan_case(case, args.work / name, Request(model=args.model, loras=loras))
            render(plan, force=True)
            films.append(Filmed(case, frames_of(plan)))
        found = share([seen(film, reader) for film in films])
        told = "-" if found is None else shown_value(METRICS["identity-unsaid"], found)
        print(f"| {name} | {told} |", flush=True)
        rows = [middles(f.frames, [s.frames for s in f.case.scene.shots][:6]) for f in films]
    if args.image is not None:
        write_contact_sheet(rows, args.image)


if __name__ == "__main__":
    main()
