"""YAML -> Manuscript: the validated screenplay, or every problem of the file with its place."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from holocine_core.errors import InputError, Problem
from holocine_core.script import prompt as prompts
from holocine_core.script.cast import (
    Nearest,
    declared_in,
    is_readable,
    listed_in,
    named_anywhere,
)
from holocine_core.script.file_kinds import require_screenplay_file
from holocine_core.script.manuscript import Manuscript, in_file_order
from holocine_core.script.meant_keys import as_meant
from holocine_core.script.screenplay import SCENE_KEYS, Scene, Screenplay
from holocine_core.script.wording import shape_problem, told_once
from holocine_core.script.yaml_source import Key, Source, parse_source, read_source, short


def read(path: Path, given: bytes | None = None) -> Manuscript:
    """Read a screenplay file, or what is ``given`` under its name. Raises InputError only where it
    is no YAML mapping at all."""
    if given is None:
        require_screenplay_file(path)
    return manuscript_of(read_source(path, given))


def read_text(text: str, name: str = "screenplay.yaml") -> Manuscript:
    """Read a screenplay from text."""
    return manuscript_of(parse_source(text, Path(name)))


def manuscript_with(screenplay: Screenplay, earlier: Source) -> Manuscript:
    """A screenplay that was changed since its file was read: what only the whole tells (names,
    stray braces, markers) is looked at again.

    Args:
        screenplay: As changed.
        earlier: The file; the places of problems are still its.
    """
    data = screenplay.model_dump(mode="json", by_alias=True, exclude_none=True)
    source = replace(earlier, data=data)
    scenes = tuple(enumerate(screenplay.scenes))
    flat = isinstance(earlier.data, dict) and "scenes" not in earlier.data
    bare = Manuscript(source=source, screenplay=None, scenes=(), problems=(), flat=flat)
    problems = tuple([*_name_problems(bare, data), *_scene_problems(bare, scenes)])
    return replace(
        bare, screenplay=screenplay if not problems else None, scenes=scenes, problems=problems
    )


def manuscript_of(source: Source) -> Manuscript:
    """Read a screenplay that was parsed already."""
    if not isinstance(source.data, dict):
        raise InputError(
            "a screenplay is a mapping of keys like title: and shots:",
            where=source.where(()),
            hint="`holocine new NAME` writes a starter",
        )
    source, meant = as_meant(source)
    data = dict(source.data)
    flat = "scenes" not in data and bool(SCENE_KEYS & data.keys())
    problems = [*source.problems, *meant]
    if flat:
        scene_keys = [key for key in data if key in SCENE_KEYS and key != "seed"]
        data["scenes"] = [{key: data.pop(key) for key in scene_keys}]
    elif "scenes" in data:
        for key in sorted(data.keys() & (SCENE_KEYS - {"seed"})):
            problems.append(
                Problem(
                    f"`{key}` stands beside `scenes`",
                    source.where((key,), name=True),
                    f"move `{key}` into a scene",
                )
            )
            del data[key]
    bare = Manuscript(source=source, screenplay=None, scenes=(), problems=(), flat=flat)
    screenplay, shape_problems = _validated(bare, data)
    problems += shape_problems
    scenes, hidden = _usable_scenes(bare, data)
    problems += hidden
    problems += _name_problems(bare, data, told=bool(problems))
    problems += _scene_problems(bare, scenes)
    return Manuscript(
        source=source,
        screenplay=screenplay if not problems else None,
        scenes=scenes,
        problems=tuple(in_file_order(problems)),
        flat=flat,
    )


def _validated(
    manuscript: Manuscript, data: Mapping[str, Any]
) -> tuple[Screenplay | None, list[Problem]]:
    try:
        return Screenplay.model_validate_json(json.dumps(data)), []
    except ValidationError as error:
        return None, [shape_problem(manuscript, detail, data) for detail in told_once(_told(error))]


def _told(error: ValidationError) -> list[Any]:
    # A list whose items all failed counts as too short too; the items say why.
    return [e for e in error.errors() if not (e["type"] == "too_short" and e["input"])]


def _usable_scenes(
    manuscript: Manuscript, data: Mapping[str, Any]
) -> tuple[tuple[tuple[int, Scene], ...], list[Problem]]:
    """Scenes of which enough is valid to check their timing and text, with their index, and what
    else is wrong with them, which was hidden behind the keys that are not valid."""
    scenes = data.get("scenes")
    usable: list[tuple[int, Scene]] = []
    hidden: list[Problem] = []
    for i, scene in enumerate(scenes if isinstance(scenes, list) else ()):
        first, rest = _errors(scene), scene
        if first:
            rest = _without(scene, [detail["loc"] for detail in first])
            hidden += [
                shape_problem(manuscript, detail | {"loc": ("scenes", i, *detail["loc"])}, data)
                for detail in (_errors(rest) if rest is not None else ())
            ]
        if rest is not None and not _errors(rest):
            usable.append((i, Scene.model_validate_json(json.dumps(rest))))
    return tuple(usable), hidden


def _errors(scene: Any) -> Sequence[Any]:
    try:
        Scene.model_validate_json(json.dumps(scene))
    except ValidationError as error:
        return _told(error)
    return ()


_NEEDED = frozenset({"shots", "prompt", "global", "cuts", "frames", "seconds"})
"""Keys of scenes and shots that timing and texts depend on."""


def _without(scene: Any, places: Sequence[Key]) -> Any:
    """A copy of a scene without what is at these places; None where too much would be missing."""
    rest = copy.deepcopy(scene)
    for place in places:
        names = [part for part in place if isinstance(part, str)]
        if not names or not isinstance(rest, dict):
            return None
        if names[0] not in _NEEDED:
            rest.pop(names[0], None)
        elif names[0] == "shots" and len(names) > 1 and names[1] not in _NEEDED:
            rest["shots"][place[1]].pop(names[1], None)
        else:
            return None
    return rest


# --- what only the whole file shows --------------------------------------------------------------


def _texts(data: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Every text in which characters can be named, valid or not, with its place."""
    scenes = data.get("scenes")
    for i, scene in enumerate(scenes if isinstance(scenes, list) else ()):
        if not isinstance(scene, dict):
            continue
        if isinstance(scene.get("global"), str):
            yield ("scenes", i, "global"), scene["global"]
        shots = scene.get("shots")
        for j, shot in enumerate(shots if isinstance(shots, list) else ()):
            if isinstance(shot, str):
                yield ("scenes", i, "shots", j), shot
            elif isinstance(shot, dict) and isinstance(shot.get("prompt"), str):
                yield ("scenes", i, "shots", j, "prompt"), shot["prompt"]


def _name_problems(
    manuscript: Manuscript, data: Mapping[str, Any], *, told: bool = False
) -> list[Problem]:
    """What is wrong with characters' names. Where something is ``told`` already, a name that stands
    in what could not be read counts as used."""
    declared = declared_in(data)
    problems: list[Problem] = []
    used: set[str] = set()
    nearest = Nearest(declared)
    for key, text in _texts(data):
        for mention in prompts.mentions(text):
            if mention.name is None:
                problems.append(
                    manuscript.problem(
                        key,
                        "a stray brace",
                        "write {{ and }} for braces, {name} for a character",
                        word=text[mention.start :].split()[0],
                    )
                )
            elif mention.name not in declared and is_readable(data):
                problems.append(_unknown_name(manuscript, key, mention.name, nearest))
            used.add(mention.name or "")
        problems += _cleaned_problems(manuscript, key, text)
        problems += _entity_problems(manuscript, key, text)
    for key, text in _nameless_texts(data):
        problems += _entity_problems(manuscript, key, text)
        problems += _cleaned_problems(manuscript, key, text) if key != ("negative",) else []
        problems += [
            manuscript.problem(
                key,
                f"braces are not read here: {text[mention.start : mention.start + 40]!r}",
                "name characters in `global` and in shots only; leave the braces out",
            )
            for mention in prompts.mentions(text)
        ]
    used |= listed_in(data) | (named_anywhere(data) if told else set())
    problems += [
        Problem(
            f"character '{name}' is never used",
            manuscript.where(("characters", name), name=True),
            f"write {{{name}}} in a prompt, or drop it",
        )
        for name in (declared if isinstance(data.get("scenes"), list) else ())
        if name not in used
    ]
    return problems


def _nameless_texts(data: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Every text that reaches the model as it is written, with its place."""
    looks = [(("characters", name), look) for name, look in declared_in(data).items()]
    for key, text in [
        (("style",), data.get("style")),
        (("negative",), data.get("negative")),
        *looks,
    ]:
        if isinstance(text, str):
            yield key, text


def _cleaned_problems(manuscript: Manuscript, key: Key, text: str) -> list[Problem]:
    """As the model will read it: cleaning can empty a text or uncover a marker."""
    cleaned = prompts.clean(text)
    empty = [manuscript.problem(key, "the text is empty once cleaned", "write text")]
    return [
        *(empty if text.strip() and not cleaned else ()),
        *(
            manuscript.problem(
                key,
                f"the text holds HoloCine's marker '{marker}'",
                "leave it out: shots are list items here; the raw form goes under `prompt:`",
                word=marker,
            )
            for marker in prompts.MARKERS
            if marker in cleaned
        ),
    ]


def _entity_problems(manuscript: Manuscript, key: Key, text: str) -> list[Problem]:
    lost = prompts.lost_entity(text)
    if lost is None:
        return []
    message = f"'{short(lost)}' is no character: there are none beyond &#{sys.maxunicode};"
    return [manuscript.problem(key, message, "write the character itself")]


def _unknown_name(manuscript: Manuscript, key: Key, name: str, nearest: Nearest) -> Problem:
    near = nearest(name)
    hint = (
        f"did you mean {{{near}}}?" if near else f"declare it under `characters:` as `{name}: ...`"
    )
    return manuscript.problem(key, f"unknown character {{{name}}}", hint, word=f"{{{name}}}")


def _scene_problems(manuscript: Manuscript, scenes: Sequence[tuple[int, Scene]]) -> list[Problem]:
    problems: list[Problem] = []
    declared = declared_in(manuscript.source.data)
    ids: dict[str, int] = {}
    nearest = Nearest(declared)
    for i, scene in scenes:
        name = scene.id or f"scene-{i + 1}"
        # Their files would be one on a disk that does not tell capitals.
        if (plain := name.casefold()) in ids:
            problems.append(
                manuscript.problem(
                    ("scenes", i, "id"),
                    f"scene id '{name}' stands twice; first for scene {ids[plain]}",
                    "give each scene its own id; capitals make no difference",
                )
            )
        ids.setdefault(plain, i + 1)
        problems += _cast_problems(manuscript, i, scene, declared, nearest)
        problems += _raw_problems(manuscript, i, scene)
    return problems


def _cast_problems(
    manuscript: Manuscript,
    i: int,
    scene: Scene,
    declared: Mapping[str, Any],
    nearest: Nearest,
) -> list[Problem]:
    readable = is_readable(manuscript.source.data)
    if scene.characters is None or manuscript.flat or not readable:
        return []
    listed = scene.characters
    problems = [
        _unknown_name(manuscript, ("scenes", i, "characters", j), name, nearest)
        for j, name in enumerate(listed)
        if name not in declared
    ]
    if len(set(listed)) < len(listed):
        problems.append(
            manuscript.problem(("scenes", i, "characters"), "a name stands twice", "keep one")
        )
    texts = [scene.global_, *(shot.prompt for shot in scene.shots or ())]
    named = {mention.name for text in texts for mention in prompts.mentions(text)}
    left_out = (named & declared.keys()).difference(listed)
    problems += [
        manuscript.problem(
            ("scenes", i, "characters"),
            f"{{{name}}} is in the scene's prompts but not in its list of characters",
            "add the name, or leave `characters` out of the scene",
        )
        for name in (declared if left_out else ())
        if name in left_out
    ]
    return problems


def _raw_problems(manuscript: Manuscript, i: int, scene: Scene) -> list[Problem]:
    if scene.prompt is None:
        said, shots, key = scene.global_, len(scene.shots or ()), ("scenes", i, "global")
    else:
        key, word = ("scenes", i, "prompt"), ""
        try:
            prompts.parse_raw(prompts.clean(scene.prompt))
            raw = prompts.parse_raw(scene.prompt)
            for wrong, right in prompts.other_spellings(scene.prompt):
                word = wrong
                raise ValueError(f"{wrong} is written {right}")
        except ValueError as error:
            return [
                manuscript.problem(
                    key,
                    str(error),
                    "the form is: [global caption] ... [per shot caption] ... [shot cut] ...",
                    word=word,
                )
            ]
        said, shots = raw.global_, len(raw.shots)
    lost = _entity_problems(manuscript, key, scene.prompt) if scene.prompt is not None else []
    return lost + [
        manuscript.problem(
            key,
            f"the text says '{short(found[0])}' but there are {shots}",
            "leave the sentence out: it is added",
        )
        for found, count in prompts.said_counts(said)
        if count != shots
    ]
