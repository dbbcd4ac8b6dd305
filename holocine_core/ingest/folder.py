"""The samples of a folder, and what is written down of them."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Interrupted, Problem
from holocine_core.events import Emit, SampleWritten, Stop, Warned
from holocine_core.ingest.answers import NAME as ANSWERS
from holocine_core.ingest.answers import Answers, SampleAnswers, is_silent, moved, news, retold
from holocine_core.ingest.captions import Captioner
from holocine_core.ingest.film import Film
from holocine_core.ingest.people import named
from holocine_core.ingest.request import Form
from holocine_core.ingest.samples import (
    fitted,
    marked,
    sample_name,
    save_text,
    write_clip,
    written,
)
from holocine_core.ingest.scenes import SceneCut
from holocine_core.ingest.shots import Shot
from holocine_core.script.reader import read, read_text
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.unwritten import unwritten
from holocine_core.store.files import open_log, read_json, write_json
from holocine_core.store.vault import disk_errors, file_hash, fingerprint
from holocine_core.units import counted

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
        record = read_json(out / RECORD) or {}
        self._before: Mapping[str, Any] = {**record.get("samples", {}), **_noted(self._notes)}
        size = "x".join(map(str, form.size))
        self._same_form = (record.get("size"), record.get("fps")) == (size, form.fps)
        self._samples: dict[str, dict[str, Any]] = {}
        self._aside: list[Path] = []

    def write(self, film: Film, emit: Emit, stop: Stop) -> None:
        """Write a film's samples that are not there yet."""
        for number, scene in enumerate(film.scenes, 1):
            name = sample_name(film.name, scene)
            known, key = self._known(name), _key(film, scene, self._form)
            shots = [part.first for part in scene.parts]
            # One shot's sample of the same form is another piece of its take.
            other = known.get("key") != key and self._same_form and len(shots) == 1
            if known and (other or known.get("shots") != shots):
                self._set_aside(name, known)
            clip = self._out / f"{name}.mp4"
            if known.get("key") != key or not clip.is_file():
                write_clip(
                    clip,
                    film.footage,
                    film.scan,
                    scene,
                    size=self._form.size,
                    fps=self._form.fps,
                )
            self._samples[name] = {"key": key, "film": film.name, "shots": shots}
            self._write_text(name, film, scene, known, emit, stop)
            yaml = str(self._out / f"{name}.yaml")
            emit(SampleWritten(sample=yaml, number=number, of=len(film.scenes)))
            if stop():
                raise Interrupted("stopped between two samples; those that are written are kept")

    def _note(self, name: str) -> None:
        """Write down what a sample is; all are written in one at the end, which takes a while."""
        # A kill may have left half a line: it stands alone then.
        line = "\n" + json.dumps([name, self._samples[name]])
        with disk_errors("write down what was made", self._notes):
            self._notes.parent.mkdir(parents=True, exist_ok=True)
            with open_log(self._notes) as notes:
                notes.write(line)

    def _known(self, name: str) -> Mapping[str, Any]:
        known = self._samples.get(name) or self._before.get(name) or {}
        return known if isinstance(known, dict) else {}

    def _write_text(
        self,
        name: str,
        film: Film,
        scene: SceneCut,
        known: Mapping[str, Any],
        emit: Emit,
        stop: Stop,
    ) -> None:
        """Write a sample's screenplay, unless a person edited it and has said nothing since."""
        yaml, mine = self._out / f"{name}.yaml", self._samples[name]
        said = moved(self._said.samples.get(name, SampleAnswers()), mine["shots"])
        new = news(said, _applied(known.get("said"), said))
        hash_now = file_hash(yaml) if yaml.is_file() else ""
        edited = bool(hash_now) and hash_now not in (known.get("yaml"), known.get("before"))
        before = None
        if hash_now:
            try:
                before = read(yaml).accepted()
            except InputError as error:
                self._leave(name, known, error, emit)
                return
        plain = self._captioned(film, scene, before, stop, edited=edited)
        text = _told(plain, film, scene, said, new)
        try:
            read_text(text, yaml.name).accepted()
        except InputError as error:
            self._blame(name, error, emit)
            new, said = SampleAnswers(), _applied(known.get("said"), said)
            text = _told(plain, film, scene, said, new)
        told = {} if is_silent(said) else said.model_dump(mode="json", by_alias=True)
        if before is not None and edited and is_silent(new) and _fits(before, scene, self._form):
            mine |= {"yaml": known.get("yaml", ""), "said": told}
            self._note(name)
            return
        changed = hash_now != hashlib.sha256(text.encode()).hexdigest()
        if edited and changed:
            self._copy_aside(yaml)
        mine["yaml"] = hashlib.sha256(text.encode()).hexdigest()
        if changed and not edited:
            # Written down first: where a kill comes in between, nobody has edited it.
            mine |= {"before": hash_now, "said": known.get("said", "")}
            self._note(name)
        if changed:
            save_text(yaml, text)
        mine["said"] = told
        mine.pop("before", None)
        self._note(name)

    def _captioned(
        self, film: Film, scene: SceneCut, before: Screenplay | None, stop: Stop, *, edited: bool
    ) -> Screenplay:
        """A screenplay as it was, or a new one, with captions where somebody writes them."""
        screenplay = before
        if screenplay is None or len(screenplay.scenes[0].shots or ()) != len(scene.parts):
            screenplay = named(marked(scene, self._form), film, scene)
        screenplay = fitted(screenplay, scene, self._form)
        if self._captioner is not None and not edited and list(unwritten(screenplay)):
            screenplay = self._captioner.caption(screenplay, film, scene, stop=stop)
        return screenplay

    def _leave(self, name: str, known: Mapping[str, Any], error: InputError, emit: Emit) -> None:
        """A screenplay that was edited into none stays as it is."""
        self._samples[name] |= {"yaml": known.get("yaml", ""), "said": known.get("said", "")}
        self._note(name)
        for one in error.problems:
            hint = one.hint or "mend it, or remove it: it is written anew then"
            emit(
                Warned(
                    message=f"{name} is no screenplay: {one.message}", where=one.where, hint=hint
                )
            )

    def _blame(self, name: str, error: InputError, emit: Emit) -> None:
        """What was said of a sample makes no screenplay: that is told."""
        emit(
            Warned(
                message=f"what was said of {name} makes no screenplay: {error.message}",
                where=str(self._out / ANSWERS),
                hint="say it otherwise, on the page or in this file; the sample is as it was",
            )
        )

    def _copy_aside(self, yaml: Path) -> None:
        """Keep an edited screenplay as it was before something was said of it."""
        with disk_errors("set a sample aside", yaml):
            (self._out / ASIDE).mkdir(exist_ok=True)
            shutil.copyfile(yaml, _free(self._out / ASIDE / yaml.name))

    def _set_aside(self, name: str, known: Mapping[str, Any]) -> None:
        """Take away a sample that is none any more: one that somebody worked on goes aside, with
        its clip."""
        yaml, clip = self._out / f"{name}.yaml", self._out / f"{name}.mp4"
        with disk_errors("set a sample aside", yaml):
            if not yaml.is_file():
                clip.unlink(missing_ok=True)
            elif file_hash(yaml) in (known.get("yaml"), known.get("before")) and _is_marked(yaml):
                yaml.unlink()
                clip.unlink(missing_ok=True)
            else:
                (self._out / ASIDE).mkdir(exist_ok=True)
                free = _free(self._out / ASIDE / yaml.name)
                if clip.is_file():
                    clip.replace(free.with_suffix(".mp4"))
                yaml.replace(free)
                self._aside.append(free)

    def finish(self, films: Sequence[Film], skipped: Sequence[Problem], emit: Emit) -> list[Path]:
        """Take away what is no sample any more, and write down what everything is."""
        mine = {film.name for film in films}
        for name, known in self._before.items():
            if name in self._samples:
                continue
            if known.get("film") not in mine:
                # Of films that were not named this time; what a person removed is gone.
                if (self._out / f"{name}.yaml").is_file():
                    self._samples[name] = known
                continue
            self._set_aside(name, known)
        self._save(films, skipped)
        with disk_errors("remove notes", self._notes):
            self._notes.unlink(missing_ok=True)
        if self._aside:
            emit(
                Warned(
                    message=f"{counted(len(self._aside), 'sample')} with captions of somebody's "
                    "are no scenes any more: they are set aside",
                    where=str(self._out / ASIDE),
                    hint="scenes follow from --seconds and from what is said of cuts and shots",
                )
            )
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


def _told(
    plain: Screenplay, film: Film, scene: SceneCut, said: SampleAnswers, new: SampleAnswers
) -> str:
    """A sample's screenplay as a file, with what was newly said."""
    screenplay = plain if is_silent(new) else retold(plain, new, said.names)
    return written(screenplay, scene, film.footage)


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


def _applied(told: Any, said: SampleAnswers) -> SampleAnswers:
    """What had been said of a sample when it was written last."""
    if isinstance(told, dict):
        return SampleAnswers.model_validate(told, strict=False)
    # Earlier versions wrote down a hash of it.
    was = said.model_dump(mode="json", by_alias=True, exclude={"frames"})
    return said if told and told == fingerprint(was) else SampleAnswers()


def _fits(screenplay: Screenplay, scene: SceneCut, form: Form) -> bool:
    """Whether a screenplay has its clip's size and lengths."""
    shots = screenplay.scenes[0].shots or ()
    return len(shots) == len(scene.parts) and fitted(screenplay, scene, form) == screenplay


def _is_marked(yaml: Path) -> bool:
    """Whether nothing but marks is in a screenplay."""
    try:
        return bool(list(unwritten(read(yaml).accepted())))
    except InputError:
        return False


def _edges(shot: Shot) -> tuple[float, ...]:
    return shot.crop.left, shot.crop.top, shot.crop.right, shot.crop.bottom
