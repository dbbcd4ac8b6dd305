"""What a person said of films and samples that nothing is made of: it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from holocine_core.events import Warned
from holocine_core.ingest.answers import NAME, Answers, FilmAnswers
from holocine_core.ingest.film import Film

_NO_FILM = "names are those of samples, up to their length; look into ingest.json"
_NO_SAMPLE = "its film was cut anew; say it of the samples that are there now"
_NO_PLACE = "frames are counted from 0; the page shows where boundaries and shots begin"


def in_vain(
    said: Answers,
    films: Sequence[Film],
    recorded: Mapping[str, Any],
    samples: Sequence[Path],
    out: Path,
) -> Iterator[Warned]:
    """Answers that fit nothing.

    Args:
        said: All of them.
        films: Those of this call.
        recorded: Those of earlier ones, by name.
        samples: All that there are.
        out: Their folder.
    """
    where = str(out / NAME)

    def told(message: str, hint: str) -> Warned:
        return Warned(message=message, where=where, hint=hint)

    by_name = {film.name: film for film in films}
    for name, one in sorted(said.films.items()):
        if name in by_name:
            for message in _of_film(by_name[name], one):
                yield told(f"{name}: {message}", _NO_PLACE)
        elif name not in recorded:
            yield told(f"what was said of {name} is for nothing: there is no such film", _NO_FILM)
    cuts = {path.stem for path in samples}
    for name in sorted(said.samples.keys() - cuts):
        yield told(f"what was said of {name} is for nothing: there is no such sample", _NO_SAMPLE)
    shots = {
        name: [part["first"] for part in scene["shots"]]
        for film in films
        for name, scene in film.record()["scenes"].items()
    }
    for name in sorted(said.samples.keys() & shots.keys()):
        spoken = said.samples[name]
        of = spoken.frames or tuple(shots[name])
        for number in sorted(spoken.shots, key=lambda one: (len(one), one)):
            at = int(number) - 1 if number.isdecimal() else -1
            if not 0 <= at < len(of) or of[at] not in shots[name]:
                yield told(
                    f"{name}: what was said of shot {number} is for nothing: there is no such shot",
                    _NO_SAMPLE,
                )


def _of_film(film: Film, said: FilmAnswers) -> Iterator[str]:
    """What of the answers to a film names no place of it."""
    boundaries = {one.first for one in film.boundaries}
    starts = {shot.first for shot in film.shots}
    for frame, is_one in said.cuts.items():
        inside = 0 < int(frame) < len(film.scan)
        if not inside:
            yield f"a cut at frame {frame} is none: the film has {len(film.scan)} frames"
        elif is_one and int(frame) not in boundaries:
            yield f"the cut at frame {frame} lies within another boundary"
    for first in (*said.keep, *said.drop):
        if first not in starts:
            yield f"no shot begins at frame {first}"
