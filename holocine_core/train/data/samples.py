"""A folder of training samples: each a screenplay of one scene beside its clip of the same stem.

What was found in a folder is written into an index, so that the next start looks at the files'
names, lengths and times alone: a hundred thousand samples are read once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from holocine_core.edit.ffmpeg import Probe, probe
from holocine_core.errors import InputError, Problem
from holocine_core.script.manuscript import Manuscript
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.script.reader import read
from holocine_core.script.screenplay import Scene
from holocine_core.script.timeline import LatentSpan, on_grid
from holocine_core.script.timing import resolve
from holocine_core.script.unwritten import MARK, unwritten
from holocine_core.store.files import atomic
from holocine_core.store.vault import disk_errors, file_hash, fingerprint

FORMAT = 1
Stamp = tuple[int, int]
"""A file's length and the time it was written, in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One scene with its clip, checked to fit each other.

    Attributes:
        path: The screenplay.
        sha256: Of the clip.
        size: Width and height of the clip.
        edges: Latent frames at which shots begin, and the end.
        text: Names the text: the hash of what the encoder reads.
        letters: Of that text; a text has no more tokens.
    """

    path: Path
    sha256: str
    size: tuple[int, int]
    edges: tuple[int, ...]
    text: str
    letters: int

    @property
    def clip(self) -> Path:
        return self.path.with_suffix(".mp4")

    @property
    def shots(self) -> tuple[LatentSpan, ...]:
        """Latent frames of every shot."""
        return tuple(map(LatentSpan, self.edges[:-1], self.edges[1:]))

    @property
    def bucket(self) -> tuple[int, int, int]:
        """Latent frames, height and width: samples of one bucket can stand in one batch."""
        return self.edges[-1], self.size[1], self.size[0]

    def prompt(self) -> ScenePrompt:
        """What its scene says, read from the screenplay.

        Raises:
            InputError: The screenplay was changed since the samples were read.
        """
        screenplay = read(self.path).accepted()
        prompt = compose(screenplay, screenplay.scenes[0])
        if text_name(prompt) != self.text:
            raise InputError(
                "the screenplay was changed while it is trained on",
                where=str(self.path),
                hint="run the same command again: it is read anew",
            )
        return prompt


def text_name(prompt: ScenePrompt) -> str:
    """Changes when a prompt's text does."""
    return hashlib.sha256(prompt.text.encode()).hexdigest()[:32]


def read_samples(
    folder: Path,
    *,
    size: tuple[int, int] | None,
    fps: int,
    index: Path | None = None,
    keep: bool = True,
) -> tuple[Sample, ...]:
    """Every sample of a folder, by name.

    Args:
        folder: Screenplays and clips; files of other kinds are left alone.
        size: Width and height of every clip in pixels; None takes all sizes.
        fps: Of the model, and of every clip.
        index: Folder of what is written down of them; nothing is where None.
        keep: Whether to write down what is new.

    Raises:
        InputError: With what is wrong with any of them, all at once.
    """
    known = _Index(index, folder, fps)
    samples: list[Sample] = []
    problems: list[Problem] = []
    for path in _screenplays(folder):
        try:
            sample = known.get(path)
            if sample is None:
                sample = known.add(path, _sample(path, fps=fps))
            _refuse_size(sample, size)
        except InputError as error:
            problems += error.problems
        else:
            samples.append(sample)
    if keep:
        known.save()
    if problems:
        raise InputError.of(problems)
    return tuple(samples)


def _screenplays(folder: Path) -> list[Path]:
    paths: list[Path] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        paths = sorted(Path(entry.path) for entry in entries if entry.name.endswith(".yaml"))
    if not paths:
        raise InputError(
            "there is no training sample",
            where=str(folder),
            hint="a sample is NAME.yaml beside NAME.mp4; `holocine ingest` makes some of footage, "
            "`holocine stage` draws some",
        )
    return paths


def _sample(path: Path, *, fps: int) -> Sample:
    manuscript = read(path)
    screenplay = manuscript.accepted()
    if len(screenplay.scenes) != 1:
        raise InputError(
            f"a training sample has one scene, this one {len(screenplay.scenes)}",
            where=str(path),
            hint="cut the film into its scenes, each with a screenplay of its own",
        )
    if marked := list(unwritten(screenplay)):
        raise InputError.of(
            [
                manuscript.problem(
                    key,
                    f"this text is still to be written: it says {MARK}",
                    "write it, or let `holocine ingest --caption-model` do it",
                )
                for key in marked
            ]
        )
    clip = path.with_suffix(".mp4")
    if not clip.is_file():
        raise InputError(
            f"the clip {clip.name} is not there",
            where=str(path),
            hint="a sample is NAME.yaml beside NAME.mp4",
        )
    found = probe(clip)
    _refuse_clip(found, clip, fps=fps)
    shots = _shots(manuscript, screenplay.scenes[0], found, path)
    prompt = compose(screenplay, screenplay.scenes[0])
    return Sample(
        path=path,
        sha256=file_hash(clip),
        size=(found.width, found.height),
        edges=(0, *(span.stop for span in shots)),
        text=text_name(prompt),
        letters=len(prompt.text),
    )


def _refuse_size(sample: Sample, size: tuple[int, int] | None) -> None:
    if size is not None and sample.size != size:
        raise InputError(
            f"the clip is {sample.size[0]}x{sample.size[1]}, the phase trains {size[0]}x{size[1]}",
            where=str(sample.clip),
            hint="leave `size` out of the phase: clips of every size then train in buckets of "
            "their own; or bring clips to one size",
        )


def _refuse_clip(found: Probe, clip: Path, *, fps: int) -> None:
    if found.fps != Fraction(fps) or not found.steady:
        raise InputError(
            f"the clip has {float(found.fps):g} frames per second, the model films {fps}",
            where=str(clip),
            hint=f"bring it to {fps} frames per second first: `holocine ingest` does",
        )
    if not on_grid(found.frames):
        raise InputError(
            f"the clip has {found.frames} frames, which is not 4t+1",
            where=str(clip),
            hint=f"cut it to {4 * ((found.frames - 1) // 4) + 1} frames",
        )


def _shots(
    manuscript: Manuscript, scene: Scene, found: Probe, path: Path
) -> tuple[LatentSpan, ...]:
    """Where the shots lie in the clip, to the frame: nothing may have to move."""
    lengths = [shot.frames or shot.seconds for shot in scene.shots or ()]
    if scene.frames is None and scene.seconds is None and not all(lengths):
        scene = scene.model_copy(update={"frames": found.frames})
    if len(scene.shots or ()) > 1 and scene.cuts is None and not any(lengths):
        raise InputError(
            "the screenplay does not say where its clip is cut",
            where=str(path),
            hint="add `cuts:`, or `frames:` to the shots",
        )
    timing = resolve(scene, found.fps, found.frames, strict=True)
    if isinstance(timing, list):
        problems = [manuscript.problem(("scenes", 0, *p.key), p.message, p.hint) for p in timing]
        raise InputError.of(problems)
    if timing.timeline.frames != found.frames:
        raise InputError(
            f"the screenplay lasts {timing.timeline.frames} frames, its clip {found.frames}",
            where=str(path),
            hint="correct the lengths in the screenplay, or cut the clip",
        )
    return timing.timeline.latent_spans


def samples_identity(samples: Sequence[Sample]) -> str:
    """Changes when what is learned from the samples does: clips, cuts, texts, and their order."""
    return fingerprint([[sample.sha256, sample.text, list(sample.edges)] for sample in samples])


class _Index:
    """What is known of a folder: a line a sample, with the stamps of both its files.

    Args:
        home: Folder of indices; None keeps nothing.
        folder: Of the samples.
        fps: The rate they were checked for.
    """

    def __init__(self, home: Path | None, folder: Path, fps: int) -> None:
        name = fingerprint([str(folder.resolve()), fps, FORMAT])
        self._path = home / f"{name}.jsonl" if home is not None else None
        self._folder = folder
        self._known: dict[str, tuple[Stamp, Stamp, list[Any]]] = dict(self._lines())
        self._held: dict[str, tuple[Stamp, Stamp, list[Any]]] = {}
        self._changed = False

    def get(self, path: Path) -> Sample | None:
        """A sample whose files are as they were."""
        known = self._known.get(path.stem)
        if known is None:
            return None
        stamps = _stamp(path), _stamp(path.with_suffix(".mp4"))
        if stamps != known[:2]:
            return None
        self._held[path.stem] = known
        sha256, width, height, edges, text, letters = known[2]
        return Sample(
            path=path,
            sha256=sha256,
            size=(width, height),
            edges=tuple(edges),
            text=text,
            letters=letters,
        )

    def add(self, path: Path, sample: Sample) -> Sample:
        """Write a sample down."""
        yaml, clip = _stamp(path), _stamp(sample.clip)
        if yaml is not None and clip is not None:
            told = [
                sample.sha256,
                *sample.size,
                list(sample.edges),
                sample.text,
                sample.letters,
            ]
            self._held[path.stem] = (yaml, clip, told)
            self._changed = True
        return sample

    def save(self) -> None:
        """Keep what was found, without what is no more."""
        if self._path is None or not (self._changed or len(self._held) < len(self._known)):
            return
        with disk_errors("write the index of samples", self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(self._path) as part, part.open("w", encoding="utf-8") as file:
                for stem, entry in self._held.items():
                    file.write(index_line(stem, *entry))

    def _lines(self) -> Iterator[tuple[str, tuple[Stamp, Stamp, list[Any]]]]:
        if self._path is None or not self._path.is_file():
            return
        with self._path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError, IndexError):
                    stem, yaml, clip, told, kept = json.loads(line)
                    entry = (tuple(yaml), tuple(clip), told)
                    if kept == _sum(stem, entry):  # Else its sample is read again.
                        yield stem, entry


def index_line(stem: str, yaml: Stamp, clip: Stamp, told: list[Any]) -> str:
    """What an index keeps of a sample: stamps of its files, what was read, and a sum of it all."""
    entry = (yaml, clip, told)
    return json.dumps([stem, *entry, _sum(stem, entry)]) + "\n"


def _sum(stem: str, entry: tuple[Stamp, Stamp, list[Any]]) -> str:
    return fingerprint([stem, *entry])


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


Buckets = Mapping[tuple[int, int, int], Sequence[Sample]]


def buckets_of(samples: Sequence[Sample]) -> Buckets:
    """Samples by what can stand in one batch, in a fixed order; none is left out."""
    found: dict[tuple[int, int, int], list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.bucket, []).append(sample)
    return dict(sorted(found.items()))
