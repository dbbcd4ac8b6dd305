"""What each part of HoloCine's mechanism is worth, measured on one model with parts switched off.

    python -m benchmarks.mechanism [--suite stage:1500000000:20] [--model nano] [--strips 3]

Every scene of the suite is filmed from the same captions and the same noise in six variants (see
holocine_core/lab/suites/mechanism.py). Prints a table; with --images DIR also pictures of the first
scenes in which the variants stand below each other. Stop it at any time: films are kept in --work.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.evaluate.cuts import require_detector
from holocine_core.evaluate.features import Eyes
from holocine_core.evaluate.numbers import Measure
from holocine_core.evaluate.observe import measure_observed, observe
from holocine_core.evaluate.table import METRICS, shown_value
from holocine_core.lab.judge.network import SHIPPED, TrainedJudge, load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.mechanism import (
    VARIANTS,
    film_given,
    film_variant,
    given_shot,
    is_filmed,
)
from holocine_core.lab.suites.scores import score, taken_up, with_shot
from holocine_core.lab.suites.suite import Case, Filmed, parse_suite
from holocine_core.lab.suites.suite_films import drawn_film, plan_case, screened, size_of
from holocine_core.model.locate import find_model
from holocine_core.model.networks import Networks
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.vae import decode_latents, encode_frames

ROWS = (
    "said",
    "people",
    "place-unsaid",
    "place-elsewhere",
    "leak",
    "leak-chance",
    "binding",
    "sides",
    "identity-said",
    "identity-unsaid",
    "identity-other",
    "identity-elsewhere",
    "identity-margin",
    "recall",
    "retrieval",
    "cut-accuracy",
    "cut-step",
    "sca",
    "flicker",
)
OF_CUTS = ("cut-accuracy", "sca", "cut-error", "extra-cuts")
"""What the detector's answer is needed for."""


def films_of(plans: list[tuple[Case, Plan]]) -> tuple[dict[str, list[Filmed]], dict[str, str]]:
    """Every variant's films, and its seconds per film that this call made, loading included."""
    first = plans[0][1]
    vae = Networks(first.model, first.placement).use("vae")
    films: dict[str, list[Filmed]] = {variant.name: [] for variant in VARIANTS}
    seconds: dict[str, list[float]] = {variant.name: [] for variant in VARIANTS}
    for number, (case, plan) in enumerate(plans, 1):
        print(f"{number} of {len(plans)}: {case.name}", file=sys.stderr)
        for variant in VARIANTS:
            made, started = not is_filmed(plan, variant), time.perf_counter()
            latents = film_variant(plan, variant)
            if made:
                seconds[variant.name].append(time.perf_counter() - started)
            frames = np.concatenate(list(decode_latents(vae, latents)))
            films[variant.name].append(Filmed(case, frames))
    return films, {n: f"{np.median(each):.1f}" if each else "-" for n, each in seconds.items()}


def measured(films: list[Filmed], reader: TrainedJudge, *, cuts: bool) -> dict[str, Measure]:
    """Scores of one variant's films; of their cuts only where asked for."""
    scores = score(films, reader, reader.trust.reads)
    seen = [observe(screened(film), Eyes({})) for film in films]
    if cuts:
        return {**measure_observed(seen)[0], **scores}
    found, _ = measure_observed(seen, lambda scenes: [()] * len(scenes))
    return {**{name: one for name, one in found.items() if name not in OF_CUTS}, **scores}


def taken_from_given(
    plans: list[tuple[Case, Plan]],
    drawn: list[Filmed],
    holistic: list[Filmed],
    reader: TrainedJudge,
) -> tuple[Measure | None, Measure | None]:
    """With one drawn shot given without noise: are its people's unsaid looks taken up by others?
    And how often do films agree with that shot that never saw it?"""
    first = plans[0][1]
    vae = Networks(first.model, first.placement).use("vae")
    films, blind, shots = [], [], []
    for (case, plan), film, other in zip(plans, drawn, holistic, strict=True):
        shot = given_shot(case)
        if shot is not None:
            latents = film_given(plan, encode_frames(vae, film.frames), [shot])
            frames = np.concatenate(list(decode_latents(vae, latents)))
            films.append(with_shot(Filmed(case, frames), film, shot))
            blind.append(with_shot(other, film, shot))
            shots.append(shot)
    found, anyway = (taken_up(each, shots, reader, reader.trust.reads) for each in (films, blind))
    return found, anyway


def strips(films: dict[str, list[Filmed]], count: int, folder: Path) -> None:
    """Pictures of the first scenes that have several shots: a row per variant, a frame per shot;
    and of the first two variants: all shots in one pass, and every shot by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    first = next(iter(films.values()))
    several = [i for i, film in enumerate(first) if len(film.case.scene.shots) > 2][:count]
    for i in several:
        rows = []
        for each in films.values():
            film = each[i]
            rows.append(middles(film.frames, [shot.frames for shot in film.case.scene.shots]))
        write_contact_sheet(rows, folder / f"{first[i].case.name}.jpg")
        write_contact_sheet(rows[:2], folder / f"{first[i].case.name}-alone.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="stage:1500000000:20")
    parser.add_argument("--model", default=None)
    parser.add_argument("--profile", default=None)
    parser.add_argument("--judge", type=Path, default=SHIPPED)
    parser.add_argument("--work", type=Path, default=Path(".holocine/mechanism"))
    parser.add_argument("--images", type=Path)
    parser.add_argument("--strips", type=int, default=3)
    parser.add_argument(
        "--given", action=argparse.BooleanOptionalAction, default=True, help="film given shots too"
    )
    parser.add_argument(
        "--cuts", action=argparse.BooleanOptionalAction, default=True, help="look for cuts"
    )
    args = parsed(parser, suite="stage:1500000004:1", model=tiny, work=scratch, cuts=False)
    # What could be missing is asked for before the hours of filming.
    suite = parse_suite(args.suite, world_of(find_model(args.model or "nano")))
    reader = load_judge(args.judge, asked=suite.within)
    if args.cuts:
        require_detector()
    options = Request(profile=args.profile, model=args.model)
    cases = [case for case in suite.cases if case.words == "trained"]
    plans = [(case, plan_case(case, args.work, options)) for case in cases]
    films, seconds = films_of(plans)
    drawn = [drawn_film(case, size_of(plans[0][1])) for case in cases]
    columns = {name: measured(each, reader, cuts=args.cuts) for name, each in films.items()}
    columns["drawn"] = measured(drawn, reader, cuts=args.cuts)
    sampling = plans[0][1].takes[0].sampling
    print(
        f"*{machine()}; {suite.name}, {len(cases)} scenes, {plans[0][1].model.spec.name}, "
        f"{sampling.width}x{sampling.height}, {sampling.steps} steps*\n"
    )
    print("| | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in ROWS:
        cells = [
            shown_value(METRICS[name], found[name]) if name in found else "-"
            for found in columns.values()
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("| seconds a film | " + " | ".join(seconds[name] for name in films) + " | - |")
    given = (
        taken_from_given(plans, drawn, films["holistic"], reader) if args.given else (None, None)
    )
    for about, found in zip(("given", "that nobody gave"), given, strict=True):
        if found is not None:
            shown = shown_value(METRICS["identity-unsaid"], found)
            print(f"\nUnsaid looks of a drawn shot {about}, found in the others: {shown}")
    if args.images is not None:
        strips({**films, "drawn": drawn}, args.strips, args.images)


if __name__ == "__main__":
    main()
