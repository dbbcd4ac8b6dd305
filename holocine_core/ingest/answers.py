"""What a person says to the review page, as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from holocine_core.sampling import Frozen
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.screenplay import Shot as ScreenplayShot
from holocine_core.store.files import read_json, write_json
from holocine_core.store.vault import disk_errors
from holocine_core.train.recipe_file import read_recipe

NAME = "answers.json"


class FilmAnswers(Frozen):
    """Of one film; frames are counted from 0, as the page shows them."""

    cuts: dict[str, bool] = {}  # noqa: RUF012 - pydantic copies it
    """First frame of a boundary -> whether there is one."""
    keep: tuple[int, ...] = ()
    """First frames of shots that are wanted whatever is wrong with them."""
    drop: tuple[int, ...] = ()
    """First frames of shots that are not wanted."""


class SampleAnswers(Frozen):
    """Of one sample: texts that replace its own."""

    global_: Annotated[str, Field(alias="global")] = ""
    """The global caption; unchanged where empty."""
    shots: dict[str, str] = {}  # noqa: RUF012
    """Number of a shot, from 1 -> its caption."""
    characters: dict[str, str] = {}  # noqa: RUF012
    """Name -> look."""
    names: dict[str, str] = {}  # noqa: RUF012
    """A character's name -> the name it should have; two of one name become one."""


class Answers(Frozen):
    """Everything that was said so far."""

    films: dict[str, FilmAnswers] = {}  # noqa: RUF012
    """Name of a film, as in the samples' names -> what was said of it."""
    samples: dict[str, SampleAnswers] = {}  # noqa: RUF012
    """Name of a sample -> what was said of it."""

    def boundaries(self, film: str) -> dict[int, bool]:
        """A film's answers by frame."""
        said = self.films.get(film, FilmAnswers())
        return {int(frame): is_one for frame, is_one in said.cuts.items() if frame.isdecimal()}

    def wanted(self, film: str) -> frozenset[int]:
        return frozenset(self.films.get(film, FilmAnswers()).keep)

    def unwanted(self, film: str) -> frozenset[int]:
        return frozenset(self.films.get(film, FilmAnswers()).drop)


def answers_of(folder: Path, given: Path | None) -> Answers:
    """What was said before, and what a new file says over it; kept in the folder.

    Raises:
        InputError: The file is none; names each fault with its place.
        MachineError: The folder can't be written.
    """
    kept = read_json(folder / NAME)
    before = Answers.model_validate(kept, strict=False) if kept else Answers()
    if given is None:
        return before
    said = _merged(before, read_recipe(given, Answers, what="file of answers"))
    with disk_errors("keep the answers", folder / NAME):
        write_json(folder / NAME, said.model_dump(mode="json", by_alias=True))
    return said


def _merged(before: Answers, new: Answers) -> Answers:
    """Later words stand over earlier ones of the same thing."""
    films = dict(before.films)
    for name, said in new.films.items():
        old = films.get(name, FilmAnswers())
        keep = (set(old.keep) | set(said.keep)) - set(said.drop)
        drop = (set(old.drop) | set(said.drop)) - set(said.keep)
        films[name] = FilmAnswers(
            cuts={**old.cuts, **said.cuts}, keep=tuple(sorted(keep)), drop=tuple(sorted(drop))
        )
    samples = dict(before.samples)
    for name, told in new.samples.items():
        earlier = samples.get(name, SampleAnswers())
        samples[name] = SampleAnswers(
            **{"global": told.global_ or earlier.global_},
            shots={**earlier.shots, **told.shots},
            characters={**earlier.characters, **told.characters},
            names={**earlier.names, **told.names},
        )
    return Answers(films=films, samples=samples)


def retold(screenplay: Screenplay, said: SampleAnswers) -> Screenplay:
    """A sample's screenplay with a person's texts, and names, in it."""
    scene = screenplay.scenes[0]
    shots = []
    for number, shot in enumerate(scene.shots or (), 1):
        text = said.shots.get(str(number)) or shot.prompt
        shots.append(shot.model_copy(update={"prompt": _renamed(text, said.names)}))
    looks: dict[str, str] = {}
    for name, look in {**screenplay.characters, **said.characters}.items():
        new = said.names.get(name, name)
        # Of two that become one, the one that keeps its name has the look.
        if new not in looks or new == name:
            looks[new] = _renamed(look, said.names)
    changed = scene.model_copy(
        update={
            "global_": _renamed(said.global_ or scene.global_, said.names),
            "shots": tuple[ScreenplayShot, ...](shots),
        }
    )
    return screenplay.model_copy(update={"scenes": (changed,), "characters": looks})


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace("{" + old + "}", "{\0" + new + "}")
    return text.replace("\0", "")


def record_of(said: Answers) -> dict[str, Any]:
    """As JSON."""
    return said.model_dump(mode="json", by_alias=True)
