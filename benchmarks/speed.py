"""The page of how fast holocine is on this CPU, with its pictures: all that `make bench` prints
first.

    python -m benchmarks.speed [--images DIR] [--runs 3] [--rounds 3] [--frames 81 241 961]

Where a film's time goes (benchmarks.stages), from a cold start; a pass beside diffusers' own
(benchmarks.stock); what a second costs by length (benchmarks.lengths). About ten minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import lengths, stages, stock
from benchmarks.film import FILM
from benchmarks.machine import machine
from benchmarks.plot import Line, bars, panels
from benchmarks.quick import parsed
from holocine_core.model.spec import MODELS

PROFILES = ("draft", "standard", "final")
OF_LENGTHS = "holocine-14b-sparse"


def films(model: str, runs: int, profiles: Sequence[str]) -> dict[str, stages.Run]:
    """The medians of a film in each profile; of the short film alone where none is named."""
    if not profiles:
        return {"short": stages.middle([stages.run(model, stages.SHORT) for _ in range(runs)])}
    return {
        profile: stages.middle(
            [stages.run(model, f"{FILM}profile: {profile}\n") for _ in range(runs)]
        )
        for profile in profiles
    }


def stages_table(found: dict[str, stages.Run]) -> str:
    rows = [
        f"| {name}: {about} | "
        + " | ".join(f"{one.seconds[name]:.2f}" for one in found.values())
        + " |"
        for name, about in stages.STAGES.items()
    ]
    totals = " | ".join(f"**{one.total:.1f}**" for one in found.values())
    peaks = " | ".join(f"{one.peak / 2**20:.0f}" for one in found.values())
    return "\n".join(
        [
            f"| stage | {' | '.join(f'{name}: s' for name in found)} |",
            "|---|" + "---|" * len(found),
            *rows,
            f"| **in all** | {totals} |",
            f"| most memory, MiB | {peaks} |",
        ]
    )


def passes_picture(found: Sequence[tuple[str, int, stock.Found, float]]) -> str:
    """Seconds of a pass over frames, by way and precision."""
    charts: dict[str, tuple[list[Line], float | None]] = {}
    for precision in dict.fromkeys(one[0] for one in found):
        rows = [(frames, one) for name, frames, one, _ in found if name == precision]
        lines = [Line(way, [(f, one.seconds[way]) for f, one in rows]) for way in stock.WAYS]
        charts[f"seconds of a pass, {precision}"] = (lines, None)
        ratios = [
            Line("full", [(f, one.seconds["full"] / one.seconds["stock"]) for f, one in rows]),
            Line(
                "sparse",
                [(f, one.seconds["sparse"] / one.seconds[stock.WAYS[3]]) for f, one in rows],
            ),
        ]
        charts[f"of diffusers' time, {precision}"] = (ratios, 1.0)
    return panels(charts, "frames", columns=2, level_title="diffusers")


def lengths_picture(ratios: dict[str, list[float]]) -> str:
    lines = [
        Line(title, list(zip(lengths.SECONDS, each, strict=True))) for title, each in ratios.items()
    ]
    sparse = [line for line in lines if not line.title.startswith("full")]
    charts = {
        "sparse attention": (sparse, lengths.GOAL),
        "and full attention": (lines, lengths.GOAL),
    }
    return panels(charts, "seconds of film", columns=2, level_title="goal for 60 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, metavar="DIR")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs="+", default=[81, 241, 961])
    parser.add_argument("--profiles", nargs="*", default=list(PROFILES))
    parser.add_argument("--model", default="nano")
    args = parsed(parser, runs=1, rounds=1, frames=[17], profiles=[])
    print(f"*{machine()}; {args.model}, medians of {args.runs}*\n")
    print("## Where a film's time goes\n")
    made = films(args.model, args.runs, args.profiles)
    print(stages_table(made), flush=True)
    print("\n## A pass beside diffusers' own\n")
    found = stock.compare(args.frames, args.rounds, args.model)
    for precision, rate in {name: rate for name, _, _, rate in found}.items():
        print(f"Large products reach {rate / 1e9:.0f} GFLOP/s in {precision}.\n")
    print(stock.table(found))
    print(f"\n## What a second costs: {OF_LENGTHS}, FLOPs, {lengths.BASE} s = 1\n")
    ratios = lengths.ratios(MODELS[OF_LENGTHS])
    print(lengths.table(ratios))
    if args.images:
        args.images.mkdir(parents=True, exist_ok=True)
        pictures = {
            "speed-stages.svg": bars({name: one.seconds for name, one in made.items()}, "s"),
            "speed-passes.svg": passes_picture(found),
            "speed-lengths.svg": lengths_picture(ratios),
        }
        for name, picture in pictures.items():
            (args.images / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
