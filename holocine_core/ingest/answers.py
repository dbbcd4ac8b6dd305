"""What a person says to the review page, as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from holocine_core.sampling import Frozen
from holocine_core.script.screenplay import Screenplay
from holocine_core.script.screenplay import Shot as ScreenplayShot
from holocine_core.script.unwritten import MARK
from holocine_core.store.files import write_json
from holocine_core.store.vault import disk_errors
from holocine_core.train.recipe_file import read_recipe

NAME = "answers.json"
WHAT = "file of answers"
"""What people call it."""


class FilmAnswers(Frozen):
    """Of one film; frames are counted from 0, as the page shows them."""

    cuts: dict[str, bool] = {}  # noqa: RUF012 - pydantic copies it
    """First frame of a boundary -> whether there is one."""
    keep: tuple[int, ...] = ()
    """First frames of shots that are wanted whatever is wrong with them."""
    drop: tuple[int, ...] = ()
    """First frames of shots that are not wanted."""

    @field_validator("cuts")
    @classmethod
    def _are_frames(cls, cuts: dict[str, bool]) -> dict[str, bool]:
        for frame in cuts:
            if not (frame.isascii() and frame.isdecimal()):
                raise ValueError(f"'{frame}' is no frame; frames are counted from 0")
        return cuts


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
    frames: tuple[int, ...] = ()
    """First frames of the sample's shots when this was said: its texts are of these, however cuts
    change. Filled in where it is absent."""

    @field_validator("names", "characters")
    @classmethod
    def _are_names(cls, told: dict[str, str]) -> dict[str, str]:
        for name in told:
            if not name.isidentifier():
                raise ValueError(f"'{name}' is no name; use letters, digits and _ only")
        return told

    @field_validator("names")
    @classmethod
    def _become_names(cls, names: dict[str, str]) -> dict[str, str]:
        for name in names.values():
            if not name.isidentifier():
                raise ValueError(f"'{name}' is no name; use letters, digits and _ only")
        return names


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


def answers_of(folder: Path, given: Path | None, shots: Mapping[str, Sequence[int]]) -> Answers:
    """What was said before, and what a new file says over it; kept in the folder.

    Args:
        folder: Of the samples.
        given: A file of the page's; None for none.
        shots: First frames of every sample's shots, as they were cut when the page was written.

    Raises:
        InputError: A file is none; names each fault with its place.
        MachineError: The folder can't be written.
    """
    kept = folder / NAME
    before = read_recipe(kept, Answers, what=WHAT) if kept.is_file() else Answers()
    before = _placed(before, shots)
    if given is None:
        return before
    said = _merged(before, _placed(read_recipe(given, Answers, what=WHAT), shots))
    with disk_errors("keep the answers", kept):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(kept, said.model_dump(mode="json", by_alias=True))
    return said


def _placed(said: Answers, shots: Mapping[str, Sequence[int]]) -> Answers:
    """With the frames that texts belong to, where nobody has said them."""
    samples = {
        name: one
        if one.frames or name not in shots
        else one.model_copy(update={"frames": tuple(shots[name])})
        for name, one in said.samples.items()
    }
    return said.model_copy(update={"samples": samples})


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
        frames = told.frames or samples.get(name, told).frames
        earlier = moved(samples.get(name, SampleAnswers()), frames)
        samples[name] = SampleAnswers(
            **{"global": told.global_ or earlier.global_},
            shots={**earlier.shots, **told.shots},
            characters={**earlier.characters, **told.characters},
            names={**earlier.names, **told.names},
            frames=frames,
        )
    return Answers(films=films, samples=samples)


def moved(said: SampleAnswers, frames: Sequence[int]) -> SampleAnswers:
    """The same words by the numbers of other shots; those of shots that are no more are left out.

    Args:
        said: With the frames it was said of.
        frames: First frames of the shots as they are cut now.
    """
    if not said.frames or tuple(frames) == said.frames:
        return said.model_copy(update={"frames": tuple(frames)})
    now = {frame: str(number) for number, frame in enumerate(frames, 1)}
    shots = {
        now[frame]: said.shots[str(number)]
        for number, frame in enumerate(said.frames, 1)
        if str(number) in said.shots and frame in now
    }
    return said.model_copy(update={"shots": shots, "frames": tuple(frames)})


def news(said: SampleAnswers, applied: SampleAnswers) -> SampleAnswers:
    """What was said since ``applied``: what a person wrote by hand meanwhile stays."""
    before = moved(applied, said.frames)

    def new(now: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
        return {key: text for key, text in now.items() if old.get(key) != text}

    return SampleAnswers(
        **{"global": said.global_ if said.global_ != before.global_ else ""},
        shots=new(said.shots, before.shots),
        characters=new(said.characters, before.characters),
        names=new(said.names, before.names),
        frames=said.frames,
    )


def is_silent(said: SampleAnswers) -> bool:
    """Whether nothing is said."""
    return not (said.global_ or said.shots or said.characters or said.names)


def retold(screenplay: Screenplay, said: SampleAnswers, names: Mapping[str, str]) -> Screenplay:
    """A sample's screenplay with a person's new texts, and names, in it.

    Args:
        screenplay: As it is.
        said: What is new.
        names: All names that were ever changed: a new text may still use an earlier one.
    """
    gone = {old: new for old, new in names.items() if old not in screenplay.characters}
    change = {**gone, **said.names}
    scene = screenplay.scenes[0]
    shots = []
    for number, shot in enumerate(scene.shots or (), 1):
        new = said.shots.get(str(number))
        text = _renamed(shot.prompt, said.names) if not new else _renamed(new, change)
        shots.append(shot.model_copy(update={"prompt": text}))
    caption = (
        _renamed(said.global_, change) if said.global_ else _renamed(scene.global_, said.names)
    )
    changed = scene.model_copy(
        update={"global_": caption, "shots": tuple[ScreenplayShot, ...](shots)}
    )
    texts = [caption, *(shot.prompt for shot in shots)]
    looks = {
        name: look
        for name, look in _looks(screenplay.characters, said.characters, change).items()
        # A name that no text uses would be nobody's.
        if any("{" + name + "}" in text for text in texts)
    }
    return screenplay.model_copy(update={"scenes": (changed,), "characters": looks})


def _looks(
    before: Mapping[str, str], said: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, str]:
    """Of two that become one: what was said, else what the one has that keeps its name, else the
    first that is written."""
    looks: dict[str, str] = {}
    for name, look in before.items():
        new = names.get(name, name)
        if new not in looks or new == name or MARK in looks[new]:
            looks[new] = looks[new] if new in looks and MARK in look else _renamed(look, names)
    for name, look in said.items():
        if look.strip():
            looks[names.get(name, name)] = _renamed(look, names)
    return looks


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace("{" + old + "}", "{\0" + new + "}")
    return text.replace("\0", "")
