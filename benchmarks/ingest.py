"""What `holocine ingest` makes of films whose cuts are known (see benchmarks.footage).

    python -m benchmarks.ingest [--seeds 3 4 5] [--shots 40] [--folder DIR]

Every film goes the whole way; then its boundaries are held against the truth, and every frame of
every clip against the film's own frames.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.footage import RATES, Made, films, real_shots, titled, write_film
from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.edit.ffmpeg import Frames, read_frames
from holocine_core.edit.process import Run, url
from holocine_core.ingest.collect import collect
from holocine_core.ingest.film import Film
from holocine_core.ingest.footage import Crop
from holocine_core.ingest.looks import spread
from holocine_core.ingest.people import clusters, sign
from holocine_core.ingest.request import IngestRequest
from holocine_core.ingest.samples import filling, frames_shown, sample_name
from holocine_core.ingest.scenes import SceneCut
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import CHECK_SEEDS, sample_scene
from holocine_core.script.reader import read
from holocine_core.train.data.samples import read_samples

NEAR = 1
"""Frames by which a cut may be off."""
FPS, SIZE = 15, (224, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4, 5])
    parser.add_argument("--shots", type=int, default=40, help="about how many a film has")
    parser.add_argument("--folder", type=Path, help="keep films and samples here")
    args = parsed(parser, seeds=[3], shots=5)
    home = args.folder or scratch()
    real = real_shots(few=args.quick)
    total: Counter[str] = Counter()
    print(f"*{machine()}; about {args.shots} shots a film, seeds {args.seeds}*\n")
    print("| frames a second | hard cuts | found within a frame | of them asked "
          "| dissolves and fades | cut away whole | boundaries that are none | of them asked "
          "| shots used | with a foreign frame |")  # fmt: skip
    print("|" + "---|" * 10)
    by_rate: dict[str, Counter[str]] = {}
    for seed in args.seeds:
        for made, rate in zip(films(home / "films", seed, args.shots, real), _rates(), strict=True):
            out = home / "data" / made.path.stem
            found = collect(IngestRequest(files=(made.path,), out=out))
            counts = _counted(made, found.films[0], out)
            by_rate.setdefault(rate, Counter()).update(counts)
            if args.quick:
                break
    for rate, counts in by_rate.items():
        print(_row(rate, counts))
        total.update(counts)
    print(_row("all", total))
    print(
        f"\n{total['samples']} samples: {total['checked']} are read by `holocine train` once their "
        f"captions are written, {total['frames']} frames, {total['unlike']} of them more like "
        "a frame beside their shot than like the film's frame that they should be."
    )
    print(
        f"\nShots set aside: {total['short']} too short, {total['other']} for another reason. "
        f"Letterboxed shots: {total['boxed']}, bars found in {total['unboxed']}."
    )
    if not args.quick:
        print("\n" + _people(90))
        print("\n" + _text(home / "text.mp4", real))
        print("\n" + _truncated(home, made))


def _rates() -> list[str]:
    return ["24", "25", "29.97", "30"]


def _row(name: str, counts: Counter[str]) -> str:
    share = 100 * counts["found"] / max(1, counts["cuts"])
    return (
        f"| {name} | {counts['cuts']} | {counts['found']} ({share:.1f}%) | {counts['asked']} "
        f"| {counts['mixed']} | {counts['cut_away']} | {counts['false']} | {counts['false_asked']} "
        f"| {counts['used']} | {counts['foreign']} |"
    )


def _counted(made: Made, film: Film, out: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    real: set[int] = set()
    for join in made.joins:
        near = [
            b
            for b in film.boundaries
            if b.first - NEAR <= join.last and b.last + NEAR >= join.first
        ]
        real |= {b.first for b in near}
        if join.kind == "cut":
            counts["cuts"] += 1
            # A cut that lies within a transition beside it has no other frame to be at.
            hits = [b for b in near if b.first <= join.first + NEAR and b.last >= join.first - NEAR]
            counts["found"] += bool(hits)
            counts["asked"] += bool(hits) and not any(b.sure for b in hits)
        else:
            counts["mixed"] += 1
            counts["cut_away"] += any(b.first <= join.first and b.last >= join.last for b in near)
    for one in film.boundaries:
        if one.first not in real:
            counts["false"] += 1
            counts["false_asked"] += not one.sure
    counts.update(_flaws(film))
    for scene in film.scenes:
        counts.update(
            _held_against(made, film, out / f"{sample_name(film.name, scene)}.mp4", scene)
        )
    counts["samples"] = len(film.scenes)
    counts["checked"] = _trainable(out)
    return counts


def _flaws(film: Film) -> Iterator[str]:
    for shot in film.shots:
        if shot.flaws:
            yield "short" if shot.flaws[0].startswith("too short") else "other"
        if film.name.endswith("-1"):
            yield "boxed"
            if abs(shot.crop.top - 0.13) < 0.02 and abs(shot.crop.bottom - 0.87) < 0.02:
                yield "unboxed"


def _held_against(made: Made, film: Film, clip: Path, scene: SceneCut) -> Counter[str]:
    """A clip's frames against those of the film that they should be, and whose these are."""
    counts: Counter[str] = Counter()
    frames = np.concatenate(list(read_frames(clip)))
    source = np.concatenate(list(read_frames(made.path)))
    at = 0
    for part in scene.parts:
        shown = frames_shown(part, film.footage, film.scan, FPS)
        counts["used"] += 1
        counts["foreign"] += len(set(made.shot_n[list(shown)].tolist())) > 1
        crop = part.shot.crop
        around = [n for n in (part.shot.first - 1, part.shot.stop) if 0 <= n < len(source)]
        others = [_as_clip(source[n], crop, film) for n in around]
        for number in shown:
            apart = [_apart(_as_clip(source[number], crop, film), frames[at])]
            apart += [_apart(other, frames[at]) for other in others]
            counts["frames"] += 1
            counts["unlike"] += min(apart) < apart[0]
            at += 1
    return counts


def _apart(one: Frames, other: Frames) -> float:
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def _as_clip(frame: Frames, crop: Crop, film: Film) -> Frames:
    import cv2

    part = filling(crop, film.footage, SIZE)
    height, width = frame.shape[:2]
    cut = frame[
        round(part.top * height) : round(part.bottom * height),
        round(part.left * width) : round(part.right * width),
    ]
    small: Frames = cv2.resize(cut, SIZE, interpolation=cv2.INTER_AREA)
    return small


def _trainable(out: Path) -> int:
    """Samples that training reads, with plain words for captions."""
    for path in out.glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("CAPTION:", "here is")
        path.write_text(text, encoding="utf-8")
        read(path).accepted()
    return len(read_samples(out, size=SIZE, fps=FPS)) if any(out.glob("*.yaml")) else 0


def _people(scenes: int) -> str:
    """How often shots of one person get one name, and those of two; drawn scenes."""
    same = hit = other = wrong = 0
    for seed in range(CHECK_SEEDS + 88_000, CHECK_SEEDS + 88_000 + scenes):
        scene = sample_scene(seed)
        shots = [shot for shot in scene.shots if len(shot.roles) == 1]
        frames = draw(scene, 180, 320).numpy()
        found = clusters(
            [
                sign([frames[n] for n in spread(range(s.frames.start, s.frames.stop), 3)])
                for s in shots
            ]
        )
        for i, j in combinations(range(len(shots)), 2):
            if shots[i].roles[0].who == shots[j].roles[0].who:
                same, hit = same + 1, hit + (found[i] == found[j])
            else:
                other, wrong = other + 1, wrong + (found[i] == found[j])
    return (
        f"People, on {scenes} drawn scenes: {hit} of {same} pairs of shots of one person get one "
        f"name ({100 * hit / same:.0f}%), and {wrong} of {other} pairs of two people "
        f"({100 * wrong / other:.0f}%)."
    )


def _text(path: Path, real: Sequence[Frames]) -> str:
    """How many shots with a subtitle are set aside for it, and how many without."""
    words = ("Where have you been all night?", "- I waited.", "The lamp went out at nine.")
    shots = list(real[:30])
    lettered = [titled(shot, words[n % len(words)]) for n, shot in enumerate(shots)]
    write_film(path, [*shots, *lettered], RATES[1])
    film = collect(IngestRequest(files=(path,), out=path.with_suffix(""))).films[0]
    half = sum(map(len, shots))
    named = [shot for shot in film.shots if "letters burnt into the picture" in shot.flaws]
    hit = sum(len(range(s.first, s.stop)) for s in named if s.first >= half)
    wrong = sum(len(range(s.first, s.stop)) for s in named if s.first < half)
    return (
        f"Subtitles: {100 * hit / half:.0f}% of the frames of shots with one are set aside for "
        f"it, {100 * wrong / half:.0f}% of the same frames without."
    )


def _truncated(home: Path, made: Made) -> str:
    """A film whose last third is missing from its file."""
    path = home / "films" / "truncated.mkv"
    moved = made.path.with_suffix(".mkv")
    run = Run(["-i", url(made.path), "-c", "copy", "-y", url(moved)])
    run.wait()
    whole = moved.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    film = collect(IngestRequest(files=(path,), out=home / "data" / "truncated")).films[0]
    return (
        f"A file cut off at two thirds of its bytes: {len(film.scan)} of {len(made.shot_n)} frames "
        f"are read, {len(film.scenes)} samples made of them."
    )


if __name__ == "__main__":
    main()
