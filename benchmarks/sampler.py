"""Samplers and their settings on one model: quality against steps, with paired differences.

    python -m benchmarks.sampler --suite stage:1800000000:60 \\
        --way "{sampler: unipc, steps: 10}" --way "{sampler: sde, steps: 16, shift: 5}" \\
        --work DIR [--figure steps.svg] [--images DIR]

Films the suite's scenes (those told in trained words) from the same captions and the same first
noise in every way, and prints a table: a column per way, the codec and the drawn scenes. Below it
stands how much each way differs from the first one on the same scenes, with 95 % intervals of a
bootstrap over scenes. A way is a profile's changes as a screenplay has them. What was filmed is
kept in --work and not filmed again. --figure draws the measures over the steps, a line per sampler
and its settings.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.machine import machine
from benchmarks.plot import Line, panels
from benchmarks.quick import parsed, scratch, tiny
from holocine_core.edit.contact_sheet import middles, write_contact_sheet
from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.motion import after_cuts, by_latents, motion, raggedness, stands_out
from holocine_core.evaluate.numbers import Measure, Tally, mean, share, tally
from holocine_core.evaluate.table import METRICS, shown_value
from holocine_core.lab.judge.network import SHIPPED, load_judge
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.scores import score_watched
from holocine_core.lab.suites.suite import Case, Filmed, parse_suite
from holocine_core.lab.suites.suite_films import (
    drawn_film,
    plan_case,
    screened,
    size_of,
    through_codec,
)
from holocine_core.lab.suites.watched import Watched, watch
from holocine_core.model.locate import find_model
from holocine_core.model.networks import Networks
from holocine_core.plan.settings import sampling_of
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.generator import Generator
from holocine_core.sample.latents import latents_writer, read_latents
from holocine_core.sample.vae import decode_latents
from holocine_core.script.screenplay import Adjusted, Profiles
from holocine_core.store.vault import Vault, fingerprint

SEEN = ("flicker", "motion", "pulse", "inner-motion", "ragged", "cut-step")
JUDGED = (
    "said",
    "said-place",
    "said-look",
    "size",
    "movement",
    "action",
    "people",
    "binding",
    "place-unsaid",
    "identity-said",
    "identity-unsaid",
    "identity-other",
    "identity-margin",
    "recall",
    "retrieval",
)
QUICK = ("{sampler: unipc, steps: 2}", "{sampler: sde, steps: 3, shift: 5}")
"""Ways of a quick run."""
DRAWN_ONCE = 200
"""Resamples for what the judge says: it is counted anew for each."""


@dataclass(frozen=True)
class Column:
    """What one way's films came to."""

    title: str
    way: Mapping[str, Any]
    tallies: Mapping[str, Sequence[Tally]]
    """Per film, by measure."""
    watched: Sequence[Watched]
    seconds: float
    films: Sequence[Frames] = ()

    def measures(self) -> dict[str, Measure]:
        found = {
            name: (share if name == "cut-step" else mean)(each)
            for name, each in self.tallies.items()
        }
        return {**{n: m for n, m in found.items() if m is not None}, **score_watched(self.watched)}


def told(way: Mapping[str, Any]) -> str:
    """A way as a column's title."""
    rest = [f"{name} {value}" for name, value in way.items() if name not in ("sampler", "steps")]
    return ", ".join([f"{way['sampler']} {way['steps']}", *rest])


def latents_of(plan: Plan, way: Mapping[str, Any]) -> tuple[Any, float]:
    """A case's latents in a way, and the processor's seconds they took with the loading; 0 where
    nobody knows."""
    (take,) = plan.takes
    changes = Profiles(standard=Adjusted(**way))
    screenplay = plan.screenplay.model_copy(update={"profiles": changes})
    sampling = sampling_of(screenplay, plan.model.spec, plan.choice)
    take = replace(take, sampling=sampling, state="new")
    key = fingerprint([{**take.ingredients, "sampling": sampling.record()}, "benchmarks.sampler"])
    vault = Vault(plan.work)
    entry = vault.intact("latents", key)
    if entry is not None:
        return read_latents(entry.path), float(entry.sidecar.get("seconds", 0.0))
    started = time.process_time()  # Other work on the machine changes it little.
    latents = Generator(replace(plan, takes=(take,))).denoise(take)
    seconds = time.process_time() - started
    told = {"way": dict(way), "seconds": seconds}
    with vault.locked("benchmarks.sampler"):
        vault.keep("latents", key, latents_writer(latents), told)
    return latents, seconds


def observed(film: Filmed, again: Callable[[Frames], Frames]) -> dict[str, Tally]:
    """What needs no judge."""
    scene = screened(film)
    shots = [scene.frames[span.start : span.stop] for span in scene.shots]
    changes = list(by_latents(scene.frames, scene.shots))
    return {
        "flicker": tally(after_cuts(scene.frames, scene.shots)),
        "motion": tally(found for shot in shots if (found := motion(shot)) is not None),
        "pulse": tally(into - inside for into, inside in changes),
        "inner-motion": tally(inside for _, inside in changes),
        "ragged": tally(raggedness(scene.frames, scene.shots, again)),
        "cut-step": tally(stands_out(scene.frames, cut) for cut in scene.cuts),
    }


def differences(base: Column, other: Column) -> dict[str, tuple[float, float, float]]:
    """How much a way differs from the first on the same scenes: value, lower and upper end."""
    count = len(base.watched)
    rng = np.random.default_rng(0)
    found = {}
    draws = rng.integers(count, size=(1000, count))
    for name, one in base.tallies.items():
        table = np.array([[(t.sum, t.n) for t in each] for each in (one, other.tallies[name])])
        sums = table[:, draws].sum(2)
        each = sums[1, :, 0] / sums[1, :, 1] - sums[0, :, 0] / sums[0, :, 1]
        whole = table.sum(1)
        value = whole[1, 0] / whole[1, 1] - whole[0, 0] / whole[0, 1]
        found[name] = (float(value), *map(float, np.quantile(each, (0.025, 0.975))))
    scores: dict[str, list[float]] = {}
    for draw in [range(count), *draws[:DRAWN_ONCE]]:
        first, second = (score_watched([c.watched[i] for i in draw]) for c in (base, other))
        for name in JUDGED:
            if name in first and name in second:
                scores.setdefault(name, []).append(second[name].value - first[name].value)
    for name, values in scores.items():
        if len(values) <= DRAWN_ONCE // 2:
            continue  # Too few scenes know it.
        found[name] = (values[0], *map(float, np.quantile(values[1:], (0.025, 0.975))))
    return found


def film_ways(
    plans: Sequence[tuple[Case, Plan]], ways: Sequence[Mapping[str, Any]], *, frames: bool
) -> tuple[list[Column], Column, Column]:
    """A column per way; the codec's and the drawn scenes'."""
    first = plans[0][1]
    again = through_codec(first)
    vae = Networks(first.model, first.placement).use("vae")
    reader = load_judge(SHIPPED, asked=world_of(first.model))

    def column(title: str, way: Mapping[str, Any], make: Callable[[Case, Plan], Any]) -> Column:
        seen: dict[str, list[Tally]] = {name: [] for name in SEEN}
        films, watched, seconds = [], [], 0.0
        for number, (case, plan) in enumerate(plans, 1):
            pictures, spent = make(case, plan)
            seconds += spent
            film = Filmed(case, pictures)
            for name, one in observed(film, again).items():
                seen[name].append(one)
            watched += watch([film], reader, reader.trust.reads)
            films.append(pictures if frames else pictures[:0])
            print(f"{title}: {number} of {len(plans)}", file=sys.stderr)
        return Column(title, way, seen, watched, seconds, films)

    def filmed(way: Mapping[str, Any]) -> Callable[[Case, Plan], Any]:
        def make(case: Case, plan: Plan) -> Any:
            latents, spent = latents_of(plan, way)
            return np.concatenate(list(decode_latents(vae, latents))), spent

        return make

    size = size_of(first)
    columns = [column(told(way), way, filmed(way)) for way in ways]
    through = column("codec", {}, lambda c, p: (again(drawn_film(c, size).frames), 0.0))
    drawn = column("drawn", {}, lambda c, p: (drawn_film(c, size).frames, 0.0))
    return columns, through, drawn


def print_table(columns: Sequence[Column]) -> None:
    measures = [column.measures() for column in columns]
    print("| | " + " | ".join(column.title for column in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in (*SEEN, *JUDGED):
        cells = [shown_value(METRICS[name], m[name]) if name in m else "-" for m in measures]
        print(f"| {name} | " + " | ".join(cells) + " |")
    cells = [f"{c.seconds:.0f}" if c.seconds else "-" for c in columns]
    print("| processor's seconds, loading included | " + " | ".join(cells) + " |")


def print_differences(base: Column, others: Sequence[Column]) -> None:
    found = [differences(base, other) for other in others]
    print(f"\nLess {base.title}, on the same scenes:\n")
    print("| | " + " | ".join(other.title for other in others) + " |")
    print("|---|" + "---|" * len(others))
    for name in (*SEEN, *JUDGED):
        scale = 100 if METRICS[name].unit == "share" else 1
        cells = []
        for one in found:
            if name not in one:
                cells.append("-")
                continue
            value, low, high = (scale * x for x in one[name])
            mark = "**" if low > 0 or high < 0 else ""
            cells.append(f"{mark}{value:+.2f}{mark} [{low:+.2f}, {high:+.2f}]")
        print(f"| {name} | " + " | ".join(cells) + " |")


def figure(columns: Sequence[Column], drawn: Column, names: Sequence[str]) -> str:
    """Measures over the steps, a line per sampler with its other settings."""
    lines: dict[str, list[Column]] = {}
    for column in columns:
        rest = {name: value for name, value in column.way.items() if name != "steps"}
        lines.setdefault(", ".join(f"{value}" for value in rest.values()), []).append(column)
    found = {id(column): column.measures() for column in (*columns, drawn)}

    def panel(name: str) -> tuple[list[Line], float | None]:
        scale = 100 if METRICS[name].unit == "share" else 1
        drawn_value = found[id(drawn)].get(name)
        return [
            Line(
                title,
                [
                    (column.way["steps"], found[id(column)][name].value * scale)
                    for column in sorted(each, key=lambda column: column.way["steps"])
                    if name in found[id(column)]
                ],
            )
            for title, each in lines.items()
        ], None if drawn_value is None else drawn_value.value * scale

    return panels({name: panel(name) for name in names}, across="steps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="stage:1800000000:60")
    parser.add_argument("--way", action="append", required=True, help="a profile's changes, YAML")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--work", type=Path, default=Path(".holocine/sampler"))
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--images", type=Path, help="strips: a row per way, the codec's, the drawn")
    parser.add_argument("--strips", type=int, default=4)
    args = parsed(parser, suite="stage:1800000000:1", way=QUICK, model=tiny, work=scratch)
    ways = [yaml.safe_load(way) for way in args.way]
    suite = parse_suite(args.suite, world_of(find_model(args.model)))
    cases = [case for case in suite.cases if case.words == "trained"]
    plans = [(case, plan_case(case, args.work, Request(model=args.model))) for case in cases]
    columns, through, drawn = film_ways(plans, ways, frames=args.images is not None)
    print(f"*{machine()}; {suite.name}, {len(cases)} scenes, {args.model}*\n")
    print_table([*columns, through, drawn])
    if args.figure is not None:
        wanted = ("flicker", "pulse", "ragged", "motion", "said", "identity-unsaid")
        args.figure.write_text(figure(columns, drawn, wanted), encoding="utf-8")
    if args.images is not None:
        args.images.mkdir(parents=True, exist_ok=True)
        for at, (case, _) in enumerate(plans[: args.strips]):
            spans = [shot.frames for shot in case.scene.shots][:6]
            rows = [middles(column.films[at], spans) for column in (*columns, through, drawn)]
            write_contact_sheet(rows, args.images / f"{case.name}.jpg")
    if len(columns) > 1:
        print_differences(columns[0], columns[1:])


if __name__ == "__main__":
    main()
