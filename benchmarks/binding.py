"""Of two people in one shot, does each have its own look, and stand where it is told to?

    python -m benchmarks.binding [--scenes 24] [--model nano]

Few scenes of a suite can answer that: two people must share a shot whose size lets the judge read
both, and the screenplay must say at least two looks in which they differ, since who is who is told
by the others of them. So scenes of two people are gone through from --seed on, and the first
that have such a shot are filmed; what is taken depends on the screenplay alone. Chance is 50 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.evaluate.table import METRICS, shown_value
from holocine_core.lab.judge.network import SHIPPED, load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.stage.world import Repertoire
from holocine_core.lab.suites.mechanism import VARIANTS, film_variant
from holocine_core.lab.suites.scores import by_chance, score_watched
from holocine_core.lab.suites.suite import Case, Filmed, stage_case
from holocine_core.lab.suites.suite_films import codec_films, drawn_film, plan_case, size_of
from holocine_core.lab.suites.watched import Reads, Watched, watch
from holocine_core.model.locate import find_model
from holocine_core.model.networks import Networks
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.vae import decode_latents

FIRST_SEED = 1_600_000_000
"""Kept for suites, and apart from the seeds of every other table."""
SHOWN = ("holistic", "alone", "no windows")


def bound_shots(case: Case, reads: Reads) -> list[int]:
    """Numbers of the shots that can tell whose look is whose."""
    film = Watched(case, (), reads)
    return [shot for shot in range(len(film.shots)) if len(film.differing(shot)) > 1]


def cases(seed: int, world: Repertoire, reads: Reads) -> Iterator[Case]:
    """Scenes of two people that have such a shot, without end."""
    for number in count(seed):
        case = stage_case(number, "trained", replace(world, casts=("two",)))
        if bound_shots(case, reads):
            yield case


def filmed(plans: list[tuple[Case, Plan]]) -> dict[str, list[Filmed]]:
    """Every column's films: of the variants, of the codec, and as they are drawn."""
    first = plans[0][1]
    vae = Networks(first.model, first.placement).use("vae")
    films: dict[str, list[Filmed]] = {}
    for variant in VARIANTS:
        if variant.name in SHOWN:
            print(variant.name, file=sys.stderr)
            films[variant.name] = [
                Filmed(case, np.concatenate(list(decode_latents(vae, film_variant(plan, variant)))))
                for case, plan in plans
            ]
    drawn = [drawn_film(case, size_of(first)) for case, _ in plans]
    films["codec"] = list(map(codec_films(first), drawn))
    films["drawn"] = drawn
    return films


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--judge", type=Path, default=SHIPPED)
    parser.add_argument("--work", type=Path, default=Path(".holocine/mechanism"))
    parser.add_argument("--image", type=Path, help="a picture of these shots: filmed, drawn")
    args = parsed(parser, scenes=1, model=tiny, work=scratch)
    world = world_of(find_model(args.model))
    reader = load_judge(args.judge, asked=world)
    reads = reader.trust.reads
    chosen = list(islice(cases(args.seed, world, reads), args.scenes))
    options = Request(model=args.model)
    films = filmed([(case, plan_case(case, args.work, options)) for case in chosen])
    watched = {name: watch(each, reader, reads) for name, each in films.items()}
    columns = {name: score_watched(each) for name, each in watched.items()}
    columns["another"] = by_chance(watched["drawn"])
    shots = [bound_shots(case, reads) for case in chosen]
    last = chosen[-1].scene.seed
    print(
        f"*{machine()}; {args.model}, {sum(map(len, shots))} shots of {len(chosen)} scenes from "
        f"{args.seed} to {last}*\n"
    )
    print("| | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for row in ("binding", "sides", "people", "said-look"):
        cells = [
            shown_value(METRICS[row], found[row]) if row in found else "-"
            for found in columns.values()
        ]
        print(f"| {row} | " + " | ".join(cells) + " |")
    if args.image is not None:
        rows = []
        for mine, drawn, numbers in zip(films["holistic"], films["drawn"], shots, strict=True):
            parts = [mine.case.scene.shots[number].frames for number in numbers]
            rows.append([*middles(mine.frames, parts), *middles(drawn.frames, parts)])
        write_contact_sheet(rows, args.image)


if __name__ == "__main__":
    main()
