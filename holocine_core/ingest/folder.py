"""The samples of a folder, and what is written down of them."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holocine_core.errors import Interrupted, Problem
from holocine_core.events import Emit, SampleWritten, Stop
from holocine_core.ingest.answers import Answers, SampleAnswers, retold
from holocine_core.ingest.captions import Captioner
from holocine_core.ingest.film import Film
from holocine_core.ingest.people import named
from holocine_core.ingest.request import Form
from holocine_core.ingest.samples import marked, sample_name, save_text, write_clip, written
from holocine_core.ingest.scenes import SceneCut
from holocine_core.ingest.shots import Shot
from holocine_core.script.reader import read
from holocine_core.script.unwritten import unwritten
from holocine_core.store.files import read_json, write_json
from holocine_core.store.vault import disk_errors, file_hash, fingerprint

SCRATCH = ".ingest"
"""Folder of what was seen of films, below that of the samples."""
RECORD = "ingest.json"
NOTES = "samples.jsonl"
"""What of the record is not in it yet."""
ASIDE = "aside"
"""Folder of screenplays that were edited and whose clips are no longer made."""


class SampleFolder:
    """The samples of a folder.

    Args:
        out: The folder.
        form: Of the samples.
        said: A person's answers.
        captioner: Who writes captions; None leaves marks.
    """

    def __init__(self, out: Path, form: Form, said: Answers, captioner: Captioner | None) -> None:
        self._out = out
        self._form = form
        self._said = said
        self._captioner = captioner
        self._notes = out / SCRATCH / NOTES
        recorded = (read_json(out / RECORD) or {}).get("samples", {})
        self._before: Mapping[str, Any] = {**recorded, **_noted(self._notes)}
        self._samples: dict[str, dict[str, Any]] = {}

    def write(self, film: Film, emit: Emit, stop: Stop) -> None:
        """Write a film's samples that are not there yet."""
        for number, scene in enumerate(film.scenes, 1):
            name = sample_name(film.name, scene)
            clip, yaml = self._out / f"{name}.mp4", self._out / f"{name}.yaml"
            key = _key(film, scene, self._form)
            known = self._samples_known(name)
            if known.get("key") != key or not clip.is_file():
                write_clip(
                    clip,
                    film.footage,
                    film.scan,
                    scene,
                    size=self._form.size,
                    fps=self._form.fps,
                )
                if known and known.get("key") != key:
                    self._set_aside(name, known)
            text = self._text(name, film, scene, yaml, known)
            self._samples[name] = {
                "key": key,
                "film": film.name,
                "yaml": file_hash(yaml) if text is None else text,
                "said": _said(self._said.samples.get(name)),
                "shots": [part.shot.first for part in scene.parts],
            }
            self._note(name)
            emit(SampleWritten(sample=str(yaml), number=number, of=len(film.scenes)))
            if stop():
                raise Interrupted("stopped between two samples; those that are written are kept")

    def _note(self, name: str) -> None:
        """Write down what a sample is; all are written in one at the end, which takes a while."""
        # A kill may have left half a line: it stands alone then.
        line = "\n" + json.dumps([name, self._samples[name]])
        with disk_errors("write down what was made", self._notes):
            self._notes.parent.mkdir(parents=True, exist_ok=True)
            with self._notes.open("a", encoding="utf-8") as notes:
                notes.write(line)

    def _samples_known(self, name: str) -> Mapping[str, Any]:
        known = self._samples.get(name) or self._before.get(name) or {}
        return known if isinstance(known, dict) else {}

    def _text(
        self, name: str, film: Film, scene: SceneCut, yaml: Path, known: Mapping[str, Any]
    ) -> str:
        """Write a sample's screenplay, unless a person edited it; the hash of what was written."""
        there = yaml.is_file()
        edited = there and known.get("yaml") != file_hash(yaml)
        said = self._said.samples.get(name)
        if edited and known.get("said", "") == _said(said):
            return str(known.get("yaml", ""))
        screenplay = read(yaml).accepted() if there else None
        if screenplay is None or len(screenplay.scenes[0].shots or ()) != len(scene.parts):
            screenplay = named(marked(scene, self._form), film, scene)
        if self._captioner is not None and list(unwritten(screenplay)):
            screenplay = self._captioner.caption(screenplay, film, scene)
        if said is not None:
            screenplay = retold(screenplay, said)
        text = written(screenplay, scene, film.footage)
        if not there or yaml.read_text(encoding="utf-8") != text:
            save_text(yaml, text)
        return file_hash(yaml)

    def _set_aside(self, name: str, known: Mapping[str, Any]) -> None:
        """Keep an edited screenplay whose clip was cut anew."""
        yaml = self._out / f"{name}.yaml"
        if yaml.is_file():
            if known.get("yaml") != file_hash(yaml):
                with disk_errors("set a sample aside", yaml):
                    (self._out / ASIDE).mkdir(exist_ok=True)
                    yaml.replace(_free(self._out / ASIDE / yaml.name))
            else:
                yaml.unlink()

    def finish(self, films: Sequence[Film], skipped: Sequence[Problem]) -> list[Path]:
        """Take away what is no sample any more, and write down what everything is."""
        mine = {film.name for film in films}
        for name, known in self._before.items():
            if name in self._samples:
                continue
            if known.get("film") not in mine:
                self._samples[name] = known  # Of films that were not named this time.
                continue
            self._set_aside(name, known)
            with disk_errors("remove a sample", self._out):
                (self._out / f"{name}.mp4").unlink(missing_ok=True)
        self._save(films, skipped)
        with disk_errors("remove notes", self._notes):
            self._notes.unlink(missing_ok=True)
        return [self._out / f"{name}.yaml" for name in sorted(self._samples)]

    def _save(self, films: Sequence[Film], skipped: Sequence[Problem]) -> None:
        path = self._out / RECORD
        before = read_json(path) or {}
        told = {
            **before.get("films", {}),
            **{film.name: film.record() for film in films},
        }
        value = {
            "format": 1,
            "size": "x".join(map(str, self._form.size)),
            "fps": self._form.fps,
            "films": dict(sorted(told.items())),
            "skipped": [
                {"message": one.message, "where": one.where, "hint": one.hint} for one in skipped
            ],
            "samples": dict(sorted(self._samples.items())),
        }
        with disk_errors("write down what was made", path):
            write_json(path, value)


def _noted(path: Path) -> dict[str, Any]:
    """What was written down of samples since all were; a line that a kill cut short is none."""
    if not path.is_file():
        return {}
    found: dict[str, Any] = {}
    with disk_errors("read", path):
        lines = path.read_text(encoding="utf-8").split("\n")
    for line in lines:
        with contextlib.suppress(ValueError):
            name, told = json.loads(line)
            found[name] = told
    return found


def _free(path: Path) -> Path:
    """Return a name that nothing bears: what was set aside earlier is somebody's work too."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbered) if not one.exists())


def _key(film: Film, scene: SceneCut, form: Form) -> str:
    """Changes when a sample's clip does."""
    return fingerprint(
        {
            "film": film.sha256,
            "size": form.size,
            "fps": form.fps,
            "parts": [
                [str(part.begins), part.frames, part.shot.first, part.shot.stop]
                + [round(edge, 6) for edge in _edges(part.shot)]
                for part in scene.parts
            ],
        }
    )


def _said(said: SampleAnswers | None) -> str:
    """Changes when what was said of a sample does."""
    return "" if said is None else fingerprint(said.model_dump(mode="json", by_alias=True))


def _edges(shot: Shot) -> tuple[float, ...]:
    return shot.crop.left, shot.crop.top, shot.crop.right, shot.crop.bottom
