"""Do `pulse` and `ragged` say what a person sees? Forty shots, ranked by eye and by measure.

    python -m benchmarks.agreement draw --out DIR    # sheets that do not say which is which
    python -m benchmarks.agreement table             # eye_films/forty.yaml beside the measures

The shots are of stage:1800000000, filmed in four ways, put through the codec, and drawn; which they
are is decided by a fixed seed and told nowhere on the sheets. Raggedness is looked for in a still
of each shot's middle; the pulse in a slice: one row of its pixels, below each other over the
frames, in which a picture that stands still makes upright stripes and a pulse breaks them every
fourth line. Both are written down from 1 (none) to 10, by somebody who has not seen the measures.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch, tiny
from benchmarks.sampler import latents_of, told
from holocine_core.edit.ffmpeg import Frames
from holocine_core.evaluate.motion import by_latents, motion, raggedness
from holocine_core.lab.learned import world_of
from holocine_core.lab.suites.suite import Case, parse_suite
from holocine_core.lab.suites.suite_films import drawn_film, plan_case, size_of, through_codec
from holocine_core.model.locate import find_model
from holocine_core.plan.values import Plan
from holocine_core.request import Request
from holocine_core.sample.vae import decode_latents
from holocine_core.script.timeline import FrameSpan

SUITE = "stage:1800000000:60"
FORTY = Path(__file__).parent / "eye_films" / "forty.yaml"
WAYS: tuple[tuple[Mapping[str, Any] | str, int], ...] = (
    ({"sampler": "unipc", "steps": 10, "shift": 8.0}, 12),
    ({"sampler": "sde", "steps": 10, "shift": 8.0}, 6),
    ({"sampler": "sde", "steps": 16, "shift": 5.0}, 12),
    ({"sampler": "unipc", "steps": 5, "shift": 8.0, "guidance_stop": 0.4}, 5),
    ("codec", 3),
    ("drawn", 2),
)
ROW = 76 / 128
"""Where the slice's row is, of the height."""
LEAST = 17
"""Frames of the shortest shot that is looked at."""


@dataclass(frozen=True)
class Chosen:
    """A shot to look at."""

    way: Mapping[str, Any] | str
    case: Case
    plan: Plan
    span: FrameSpan


def chosen(work: Path, model: str, most: int) -> list[Chosen]:
    """The forty shots, each of another one, in an order that tells nothing; the first of them."""
    suite = parse_suite(SUITE, world_of(find_model(model)))
    cases = [case for case in suite.cases if case.words == "trained"]
    pool = [
        (case, shot.frames)
        for case in cases
        for shot in case.scene.shots
        if len(shot.frames) >= LEAST
    ]
    rng = random.Random("forty shots")
    rng.shuffle(pool)
    ways = [way for way, count in WAYS for _ in range(count)]
    rng.shuffle(ways)
    options = Request(model=model)
    return [
        Chosen(way, case, plan_case(case, work, options), span)
        for way, (case, span) in list(zip(ways, pool, strict=False))[:most]
    ]


def filmed(shots: Sequence[Chosen]) -> Iterator[tuple[Chosen, Frames]]:
    """Every shot with the frames of its whole scene."""
    first = shots[0].plan
    again = through_codec(first)
    from holocine_core.model.networks import Networks

    vae = Networks(first.model, first.placement).use("vae")
    for number, shot in enumerate(shots, 1):
        print(f"{number} of {len(shots)}", file=sys.stderr)
        if isinstance(shot.way, str):
            frames = drawn_film(shot.case, size_of(first)).frames
            frames = again(frames) if shot.way == "codec" else frames
        else:
            latents, _ = latents_of(shot.plan, shot.way)
            frames = np.concatenate(list(decode_latents(vae, latents)))
        yield shot, frames


def draw(out: Path, shots: Sequence[Chosen]) -> None:
    """Sheets of six stills and of ten slices."""
    out.mkdir(parents=True, exist_ok=True)
    stills, slices = [], []
    for shot, frames in filmed(shots):
        part = frames[shot.span.start : shot.span.stop]
        stills.append(Image.fromarray(part[len(part) // 2]).resize((672, 384)))
        row = part[:32, round(ROW * part.shape[1])]
        slices.append(Image.fromarray(row).resize((672, 6 * len(row)), Image.Resampling.NEAREST))
    for name, pictures, each, high in (("still", stills, 6, 400), ("slice", slices, 10, 212)):
        for start in range(0, len(pictures), each):
            page = Image.new("RGB", (1360, each // 2 * high), "white")
            pen = ImageDraw.Draw(page)
            for at, picture in enumerate(pictures[start : start + each]):
                x, y = at % 2 * 680, at // 2 * high
                page.paste(picture, (x, y + 14))
                pen.text((x + 4, y + 1), str(start + at + 1), fill="black")
            page.save(out / f"{name}-{start // each + 1}.png")


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 0, equal values sharing their mean."""
    array = np.array(values, np.float64)
    _, which, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: NDArray[np.float64] = (ends - (counts + 1) / 2)[which]
    return shared


def correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's."""
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """95 % of resampled shots."""
    rng = np.random.default_rng(0)
    found = []
    for draws in rng.integers(len(a), size=(1000, len(a))):
        found.append(correlation([a[i] for i in draws], [b[i] for i in draws]))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def table(shots: Sequence[Chosen]) -> None:
    """Print how the measures rank the shots beside the eye."""
    seen = yaml.safe_load(FORTY.read_text())
    seen = {kind: seen[kind][: len(shots)] for kind in ("pulse", "ragged")}
    again = through_codec(shots[0].plan)
    measured: dict[str, list[float]] = {"pulse": [], "ragged": [], "motion": []}
    for shot, frames in filmed(shots):
        ((into, inside),) = by_latents(frames, [shot.span])
        measured["pulse"].append(into - inside)
        (moved,) = raggedness(frames, [shot.span], again)
        measured["ragged"].append(moved)
        measured["motion"].append(motion(frames[shot.span.start : shot.span.stop]) or 0.0)
    print(f"*{machine()}; {len(shots)} shots of {SUITE}*\n")
    print("| Spearman's correlation with | pulse by eye | raggedness by eye |")
    print("|---|---|---|")
    for name, values in measured.items():
        cells = []
        for kind in ("pulse", "ragged"):
            low, high = interval(values, seen[kind])
            cells.append(f"{correlation(values, seen[kind]):.2f} [{low:.2f}, {high:.2f}]")
        print(f"| `{name}` | " + " | ".join(cells) + " |")
    print("\n| | shots | pulse by eye | raggedness by eye | `pulse` | `ragged` |")
    print("|---|---|---|---|---|---|")
    for way, _ in WAYS:
        at = [i for i, shot in enumerate(shots) if shot.way == way]
        if not at:
            continue

        def middle(values: Sequence[float], at: Sequence[int] = at) -> str:
            return f"{np.mean([values[i] for i in at]):.2f}"

        title = way if isinstance(way, str) else told(way)
        parts: list[Callable[[], str]] = [
            lambda: middle(seen["pulse"]),
            lambda: middle(seen["ragged"]),
            lambda: middle(measured["pulse"]),
            lambda: middle(measured["ragged"]),
        ]
        print(f"| {title} | {len(at)} | " + " | ".join(part() for part in parts) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("draw", "table"))
    parser.add_argument("--shots", type=int, default=40, help="how many of the forty")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, default=Path(".holocine/sampler"))
    args = parsed(parser, what="table", shots=3, model=tiny, out=scratch, work=scratch)
    shots = chosen(args.work, args.model, args.shots)
    if args.what == "draw":
        if args.out is None:
            parser.error("draw needs --out")
        draw(args.out, shots)
    else:
        table(shots)


if __name__ == "__main__":
    main()
