"""Does a shot that is made anew still belong to its scene?

    python -m benchmarks.reshoot [--suite stage:1500000000:20] [--model nano]

Every scene of the suite is filmed. Then its last shot whose people are in others too is made anew
with another seed: in the context of the scene, with the kept shots clean or re-noised, and by
itself. Prints how often its people have the looks they have in the kept shots though no caption
says so, and how many frames outside of the shot are not what they were, to the bit.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.evaluate.table import METRICS, shown_value
from holocine_core.lab.judge.network import SHIPPED, load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.mechanism import (
    VARIANTS,
    film_alone,
    film_given,
    film_variant,
    last_shared,
)
from holocine_core.lab.suites.scores import taken_up
from holocine_core.lab.suites.suite import Filmed, parse_suite
from holocine_core.lab.suites.suite_films import plan_case
from holocine_core.model.locate import find_model
from holocine_core.model.networks import Networks
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.vae import decode_latents

METHODS = ("first made", "clean", "renoised", "alone")
_OTHER_SEED = 1000


def remade(plan: Plan, latents: Tensor, shot: int) -> dict[str, Tensor]:
    """The scene's latents as they were, and with the shot made anew in every way."""
    (take,) = plan.takes
    spans = take.timeline.latent_spans
    others = [number for number in range(len(spans)) if number != shot]
    seed = take.seed + _OTHER_SEED
    found = {"first made": latents}
    found["clean"] = film_given(plan, latents, others, method="clean", seed=seed)
    found["renoised"] = film_given(plan, latents, others, method="renoised", seed=seed)
    before, after = latents[:, :, : spans[shot].start], latents[:, :, spans[shot].stop :]
    found["alone"] = torch.cat([before, film_alone(plan, shot, seed), after], dim=2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="stage:1500000000:20")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--profile", default=None)
    parser.add_argument("--judge", type=Path, default=SHIPPED)
    parser.add_argument("--work", type=Path, default=Path(".holocine/mechanism"))
    parser.add_argument("--images", type=Path, help="folder for strips of the first scenes")
    parser.add_argument("--strips", type=int, default=3)
    args = parsed(parser, suite="stage:1500000004:1", model=tiny, work=scratch)
    suite = parse_suite(args.suite, world_of(find_model(args.model)))
    reader = load_judge(args.judge, asked=suite.within)
    cases = [case for case in suite.cases if case.words == "trained"]
    options = Request(profile=args.profile, model=args.model)
    films: dict[str, list[Filmed]] = defaultdict(list)
    touched: dict[str, int] = defaultdict(int)
    shots: list[int] = []
    for case in cases:
        shot = last_shared(case)
        if shot is None:
            continue
        print(f"{case.name}, shot {shot + 1}", file=sys.stderr)
        plan = plan_case(case, args.work, options)
        vae = Networks(plan.model, plan.placement).use("vae")
        latents = film_variant(plan, VARIANTS[0])
        own = case.scene.shots[shot].frames
        first: np.ndarray | None = None
        for name, each in remade(plan, latents, shot).items():
            frames = np.concatenate(list(decode_latents(vae, each)))
            first = frames if first is None else first
            changed = (frames != first).any((1, 2, 3))
            changed[own.start : own.stop] = False
            touched[name] += int(changed.sum())
            films[name].append(Filmed(case, frames))
        shots.append(shot)
        if args.images is not None and len(shots) <= args.strips:
            args.images.mkdir(parents=True, exist_ok=True)
            parts = [one.frames for one in case.scene.shots]
            rows = [middles(films[name][-1].frames, parts) for name in METHODS]
            write_contact_sheet(rows, args.images / f"{case.name}-shot-{shot + 1}.png")
    print(f"*{machine()}; {suite.name}, {len(shots)} shots made anew, {args.model}*\n")
    print("| | unsaid looks as in the kept shots | other frames that changed |")
    print("|---|---|---|")
    for name in METHODS:
        found = taken_up(films[name], shots, reader, reader.trust.reads)
        told = "-" if found is None else shown_value(METRICS["identity-unsaid"], found)
        print(f"| {name} | {told} | {touched[name]} |")


if __name__ == "__main__":
    main()
