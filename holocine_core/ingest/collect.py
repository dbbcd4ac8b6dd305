"""Films -> a folder of samples, in one function that can be killed anywhere and called again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, Problem
from holocine_core.events import Emit, Stop, Warned, ignore, never
from holocine_core.ingest.answers import Answers, answers_of
from holocine_core.ingest.boundaries import Boundary, answered, find_boundaries
from holocine_core.ingest.captions import captioner_of
from holocine_core.ingest.film import Film
from holocine_core.ingest.folder import RECORD, SCRATCH, SampleFolder
from holocine_core.ingest.footage import open_footage, require_reader
from holocine_core.ingest.in_vain import in_vain
from holocine_core.ingest.looks import Looks
from holocine_core.ingest.naming import FilmNames, content_of
from holocine_core.ingest.request import Form, IngestRequest, form_of
from holocine_core.ingest.review import write_page
from holocine_core.ingest.scan import Scan, scan
from holocine_core.ingest.scenes import compose
from holocine_core.ingest.shots import Shot, judged, looked_at, shots_between
from holocine_core.model.locate import find_model
from holocine_core.script.reader import read
from holocine_core.script.unwritten import unwritten
from holocine_core.store.claims import claimed
from holocine_core.store.files import read_json
from holocine_core.store.journal import journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a call of :func:`collect` made.

    Attributes:
        out: The folder.
        films: Those that were read.
        skipped: Those that were not, and why.
        samples: Screenplays of all samples.
        unwritten: How many of them still carry ``CAPTION:``.
        page: The review page, where one was asked for.
    """

    out: Path
    films: tuple[Film, ...]
    skipped: tuple[Problem, ...]
    samples: tuple[Path, ...]
    unwritten: int
    page: Path | None

    @property
    def asked(self) -> int:
        """Boundaries that wait for a person's answer."""
        return sum(not one.sure for film in self.films for one in film.boundaries)


def collect(request: IngestRequest, *, emit: Emit = ignore, should_stop: Stop = never) -> Collected:
    """Cut films into scenes that a model can be trained on.

    Called again it goes on where it was stopped, and makes the same folder; a sample whose
    screenplay was edited since stays as it is.

    Args:
        request: What is wanted.
        emit: Told of everything that happens.
        should_stop: Asked between pieces of work; what is done is kept.

    Raises:
        InputError: The request or its answers are wrong, or no film could be read.
        MachineError: A package is missing, the disk failed, or another process works there.
        Interrupted: ``should_stop`` said so.
    """
    require_reader()
    form = form_of(request, find_model(request.model, request.models_dir).spec)
    scratch = request.out / SCRATCH
    claim = claimed(
        scratch,
        "ingest",
        what="footage is being read into this folder",
        instead="give another --out",
    )
    with claim as require_held, journal(scratch, emit) as emit:

        def stop() -> bool:
            require_held()
            return should_stop()

        record = read_json(request.out / RECORD) or {}
        said = answers_of(request.out, request.answers, _cut_before(record))
        # Before hours of looking at films: whatever is wrong with it is told at once.
        captioner = captioner_of(request)
        films, skipped = _studied(request, form, said, record, emit, stop)
        folder = SampleFolder(request.out, form, said, captioner)
        for film in films:
            folder.write(film, emit, stop)
        samples = folder.finish(films, skipped, emit)
        for warned in in_vain(said, films, {**record.get("films", {})}, samples, request.out):
            emit(warned)
        sound = [path for path in samples if _is_sound(path)]
        page = write_page(request.out, films, sound, form, said) if request.review else None
        left = sum(bool(list(unwritten(read(path).accepted()))) for path in sound)
        return Collected(
            out=request.out,
            films=tuple(films),
            skipped=tuple(skipped),
            samples=tuple(samples),
            unwritten=left,
            page=page,
        )


def _cut_before(record: Mapping[str, Any]) -> dict[str, list[int]]:
    """First frames of every sample's shots, as they were written down."""
    samples = record.get("samples", {})
    return {name: one["shots"] for name, one in samples.items() if isinstance(one, dict)}


def _is_sound(path: Path) -> bool:
    """Whether a sample's screenplay is one; what is wrong with it was told."""
    try:
        read(path).accepted()
    except InputError:
        return False
    return True


def _studied(
    request: IngestRequest,
    form: Form,
    said: Answers,
    record: Mapping[str, Any],
    emit: Emit,
    stop: Stop,
) -> tuple[list[Film], list[Problem]]:
    """The films that could be read, and why others could not; raises where none could."""
    films: list[Film] = []
    skipped: list[Problem] = []
    names = FilmNames(record.get("films", {}))
    for path in request.files:
        try:
            sha256 = content_of(path)
            name = names.of(path, sha256)
            if name is None:
                continue
            films.append(_study(path, name, sha256, request.out, form, said, emit, stop))
        except InputError as error:
            skipped += error.problems
            for problem in error.problems:
                emit(Warned(message=problem.message, where=problem.where, hint=problem.hint))
    if not films:
        raise InputError.of(skipped)
    return films, skipped


def _study(
    path: Path,
    name: str,
    sha256: str,
    out: Path,
    form: Form,
    said: Answers,
    emit: Emit,
    stop: Stop,
) -> Film:
    """Look at one film: its frames, its boundaries, its shots, its scenes."""
    footage = open_footage(path)
    scratch = out / SCRATCH / sha256[:16]
    seen = scan(footage, scratch, emit, stop)
    found = find_boundaries(seen)
    boundaries = answered(found, said.boundaries(name), frames=len(seen))
    shots = shots_between(seen, footage, boundaries)
    looks = Looks(footage, scratch / "looks")
    looks.gather(_pictures(seen, shots, boundaries), stop)
    shots = judged(
        shots, seen, looks, form.fps, kept=said.wanted(name), dropped=said.unwanted(name)
    )
    scenes = [
        scene
        for length in form.lengths
        for scene in compose(shots, seen, length, fps=form.fps, longest=form.longest)
    ]
    film = Film(
        name=name,
        sha256=sha256,
        footage=footage,
        scan=seen,
        looks=looks,
        boundaries=boundaries,
        shots=shots,
        scenes=tuple(scenes),
    )
    if film.damage:
        emit(
            Warned(
                message=f"the film is damaged: {film.damage}; the rest is used",
                where=str(path),
                hint="make or fetch it again if it should be whole",
            )
        )
    return film


def _pictures(seen: Scan, shots: Sequence[Shot], boundaries: Sequence[Boundary]) -> Iterator[int]:
    """Times of the frames that a film is judged and reviewed by."""
    yield from looked_at(shots, seen)
    for one in boundaries:
        for frame in (one.first - 1, one.last):
            if 0 <= frame < len(seen):
                yield int(seen.time_n[frame])
