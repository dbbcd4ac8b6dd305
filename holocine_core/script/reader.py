"""YAML -> Manuscript: the validated screenplay, or every problem of the file with its place."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from holocine_core.errors import InputError, Problem
from holocine_core.script import prompt as prompts
from holocine_core.script.manuscript import Manuscript, in_file_order
from holocine_core.script.screenplay import SCENE_KEYS, Scene, Screenplay
from holocine_core.script.wording import shape_problem
from holocine_core.script.yaml_source import Key, Source, parse_source, read_source


def read(path: Path) -> Manuscript:
    """Read a screenplay file. Raises InputError only where it is no YAML mapping at all."""
    return _manuscript(read_source(path))


def read_text(text: str, name: str = "screenplay.yaml") -> Manuscript:
    """Read a screenplay from text."""
    return _manuscript(parse_source(text, Path(name)))


def _manuscript(source: Source) -> Manuscript:
    if not isinstance(source.data, dict):
        raise InputError(
            "a screenplay is a mapping of keys like title: and shots:",
            where=source.where(()),
            hint="`holocine new NAME` writes a starter",
        )
    data = dict(source.data)
    flat = "scenes" not in data and bool(SCENE_KEYS & data.keys())
    problems = list(source.problems)
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
    scenes = tuple(_valid_scenes(data))
    problems += _name_problems(bare, data)
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
        return None, [
            shape_problem(manuscript, detail, data)
            for detail in error.errors()
            # A list whose items all failed counts as too short too; the items say why.
            if not (detail["type"] == "too_short" and detail["input"])
        ]


def _valid_scenes(data: Mapping[str, Any]) -> Iterator[tuple[int, Scene]]:
    scenes = data.get("scenes")
    for i, scene in enumerate(scenes if isinstance(scenes, list) else ()):
        try:
            yield i, Scene.model_validate_json(json.dumps(scene))
        except ValidationError:
            continue


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


def _name_problems(manuscript: Manuscript, data: Mapping[str, Any]) -> list[Problem]:
    declared = data.get("characters") or {}
    if not isinstance(declared, dict):
        return []
    problems: list[Problem] = []
    used: set[str] = set()
    for key, text in _texts(data):
        for mention in prompts.mentions(text):
            if mention.name is None:
                problems.append(
                    manuscript.problem(
                        key, "a stray brace", "write {{ and }} for braces, {name} for a character"
                    )
                )
            elif mention.name not in declared:
                problems.append(_unknown_name(manuscript, key, mention.name, list(declared)))
            used.add(mention.name or "")
        # As the model will read it: cleaning can empty a text or uncover a marker.
        cleaned = prompts.clean(text)
        if text.strip() and not cleaned:
            problems.append(manuscript.problem(key, "the text is empty once cleaned", "write text"))
        problems += [
            manuscript.problem(
                key,
                f"the text holds HoloCine's marker '{marker}'",
                "leave it out: shots are list items here; the raw form goes under `prompt:`",
            )
            for marker in prompts.MARKERS
            if marker in cleaned
        ]
    used |= _listed(data)
    problems += [
        Problem(
            f"character '{name}' is never used",
            manuscript.where(("characters", name), name=True),
            f"write {{{name}}} in a prompt, or drop it",
        )
        for name in declared
        if name not in used
    ]
    return problems


def _listed(data: Mapping[str, Any]) -> set[str]:
    scenes = data.get("scenes")
    return {
        name
        for scene in (scenes if isinstance(scenes, list) else ())
        if isinstance(scene, dict) and isinstance(scene.get("characters"), list)
        for name in scene["characters"]
        if isinstance(name, str)
    }


def _unknown_name(manuscript: Manuscript, key: Key, name: str, declared: Sequence[str]) -> Problem:
    near = difflib.get_close_matches(name, declared, n=1)
    hint = (
        f"did you mean {{{near[0]}}}?"
        if near
        else f"declare it under `characters:` as `{name}: ...`"
    )
    return manuscript.problem(key, f"unknown character {{{name}}}", hint)


def _scene_problems(manuscript: Manuscript, scenes: Sequence[tuple[int, Scene]]) -> list[Problem]:
    problems: list[Problem] = []
    declared = manuscript.source.data.get("characters") or {}
    ids: dict[str, int] = {}
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
        problems += _cast_problems(manuscript, i, scene, declared)
        problems += _raw_problems(manuscript, i, scene)
    return problems


def _cast_problems(
    manuscript: Manuscript, i: int, scene: Scene, declared: Mapping[str, Any]
) -> list[Problem]:
    if scene.characters is None or manuscript.flat:
        return []
    listed = scene.characters
    problems = [
        _unknown_name(manuscript, ("scenes", i, "characters", j), name, list(declared))
        for j, name in enumerate(listed)
        if name not in declared
    ]
    if len(set(listed)) < len(listed):
        problems.append(
            manuscript.problem(("scenes", i, "characters"), "a name stands twice", "keep one")
        )
    texts = [scene.global_, *(shot.prompt for shot in scene.shots or ())]
    named = {mention.name for text in texts for mention in prompts.mentions(text)}
    problems += [
        manuscript.problem(
            ("scenes", i, "characters"),
            f"{{{name}}} is in the scene's prompts but not in its list of characters",
            "add the name, or leave `characters` out of the scene",
        )
        for name in declared
        if name in named and name not in listed
    ]
    return problems


def _raw_problems(manuscript: Manuscript, i: int, scene: Scene) -> list[Problem]:
    if scene.prompt is None:
        said, shots, key = scene.global_, len(scene.shots or ()), ("scenes", i, "global")
    else:
        key = ("scenes", i, "prompt")
        try:
            prompts.parse_raw(prompts.clean(scene.prompt))
            raw = prompts.parse_raw(scene.prompt)
        except ValueError as error:
            return [
                manuscript.problem(
                    key,
                    str(error),
                    "the form is: [global caption] ... [per shot caption] ... [shot cut] ...",
                )
            ]
        said, shots = raw.global_, len(raw.shots)
    return [
        manuscript.problem(
            key,
            f"the text says '{found[0]}' but there are {shots}",
            "leave the sentence out: it is added",
        )
        for found in re.finditer(r"This scene contains (\d+) shots?\b", said)
        if int(found[1]) != shots
    ]
