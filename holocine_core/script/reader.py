"""YAML -> Manuscript: the validated screenplay, or every problem of the file with its place."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from holocine_core.errors import InputError, Problem
from holocine_core.script import prompt as prompts
from holocine_core.script.screenplay import (
    SCENE_KEYS,
    Adjusted,
    Deliver,
    Lora,
    Profiles,
    Scene,
    Screenplay,
    Shot,
    Sound,
    TransitionTo,
    Video,
)
from holocine_core.script.yaml_source import Key, Source, parse_source, read_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Manuscript:
    """A screenplay file as read: what of it is valid, and what is wrong with the rest.

    ``scenes`` holds the valid scenes with their index, also where ``screenplay`` is None because
    something else in the file is wrong: so later checks can still report on them.
    """

    source: Source
    screenplay: Screenplay | None
    scenes: tuple[tuple[int, Scene], ...]
    problems: tuple[Problem, ...]
    flat: bool
    """Whether the file writes its one scene at the top level."""

    def key(self, key: Key) -> Key:
        """The place in the file of a key of the validated form."""
        if self.flat and key[:2] == ("scenes", 0):
            return key[2:]
        return key

    def where(self, key: Key, *, name: bool = False) -> str:
        return self.source.where(self.key(key), name=name)

    def problem(self, key: Key, message: str, hint: str = "") -> Problem:
        return Problem(message, self.where(key), hint)

    def accepted(self, more: Sequence[Problem] = ()) -> Screenplay:
        """The screenplay.

        Raises:
            InputError: With all problems, the file's own and ``more``, in file order.
        """
        problems = in_file_order([*self.problems, *more])
        if problems:
            raise InputError.of(problems)
        assert self.screenplay is not None
        return self.screenplay


def in_file_order(problems: Sequence[Problem]) -> list[Problem]:
    """Problems by line and column, each once."""

    def place(problem: Problem) -> tuple[int, int]:
        found = re.search(r":(\d+):(\d+)$", problem.where)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    return sorted(dict.fromkeys(problems), key=place)


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
            _shape_problem(manuscript, detail, data)
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


# --- what pydantic finds, in our words -----------------------------------------------------------

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list (lines that begin with -)",
    "dict_type": "a mapping (key: value lines)",
    "model_type": "a mapping (key: value lines)",
    "model_attributes_type": "a mapping (key: value lines)",
}
_MODELS: Mapping[str, type[BaseModel]] = {
    "transition": TransitionTo,
    "sound": Sound,
    "profiles": Profiles,
    "deliver": Deliver,
    "video": Video,
    "draft": Adjusted,
    "standard": Adjusted,
    "final": Adjusted,
}


def _model_at(key: Key) -> type[BaseModel]:
    """The model whose keys stand at a place of the data."""
    if not key:
        return Screenplay
    if isinstance(key[-1], int) and len(key) > 1:
        lists: Mapping[str, type[BaseModel]] = {"shots": Shot, "scenes": Scene, "lora": Lora}
        return lists.get(str(key[-2]), Screenplay)
    return _MODELS.get(str(key[-1]), Screenplay)


def _shape_problem(
    manuscript: Manuscript, detail: ErrorDetails, data: Mapping[str, Any]
) -> Problem:
    key: Key = tuple(part for part in detail["loc"])
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(manuscript, key, data)
    if key and key[-1] in ("int", "str"):
        key = key[:-1]
        return manuscript.problem(
            key,
            f"{_shown(value)} is no cut point",
            'a cut is a frame (37), seconds ("5.0s") or a timecode ("00:00:08.20")',
        )
    name = _dotted(key)
    if kind == "missing":
        return manuscript.problem(key[:-1], f"`{key[-1]}` is missing", f"add `{key[-1]}:`")
    if kind in _TYPES:
        hint = "put it between quotes" if kind == "string_type" and value is not None else ""
        if value is None:
            return manuscript.problem(key, f"`{name}` has no value", "fill it in or drop the key")
        return manuscript.problem(
            key, f"`{name}` must be {_TYPES[kind]}, not {_shown(value)}", hint
        )
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(allowed)}"
        return manuscript.problem(key, f"`{name}` can't be {_shown(value)}", hint)
    if kind == "value_error":
        return manuscript.problem(key, str(context.get("error", detail["msg"])), "")
    if kind == "string_pattern_mismatch":
        return manuscript.problem(key, *_pattern_words(name, key, value))
    if kind == "too_short" or kind == "string_too_short":
        return manuscript.problem(key, f"`{name}` is empty", "write something or drop it")
    return manuscript.problem(key, f"`{name}` is {_shown(value)}: {detail['msg'].lower()}", "")


def _pattern_words(name: str, key: Key, value: Any) -> tuple[str, str]:
    if key[-1] == "size":
        return f"`{name}` is {_shown(value)}", "write width x height in pixels: 832x480"
    if key[-1] == "id":
        return f"`{name}` is {_shown(value)}", "letters, digits, - and _ only, 64 at most"
    return f"`{name}` has no text", "write something or drop it"


def _unknown_key(manuscript: Manuscript, key: Key, data: Mapping[str, Any]) -> Problem:
    model = _model_at(key[:-1])
    known = [field.alias or name for name, field in model.model_fields.items()]
    if model is Screenplay and manuscript.flat:
        known += SCENE_KEYS
    word = str(key[-1])
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
    characters = data.get("characters")
    if model is Shot and isinstance(characters, dict) and word in characters:
        hint = f'a text that begins with {{{word}}} needs quotes: "{{{word}}} smiles."'
    return Problem(f"unknown key `{word}`", manuscript.where(key, name=True), hint)


def _dotted(key: Key) -> str:
    parts = [str(part) for part in key if not isinstance(part, int)]
    return parts[-1] if parts else "screenplay"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "empty"
    text = str(value)
    return f"'{text[:40]}...'" if len(text) > 40 else f"'{text}'"


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
        if name in ids:
            problems.append(
                manuscript.problem(
                    ("scenes", i, "id"),
                    f"scene id '{name}' stands twice; first for scene {ids[name]}",
                    "give each scene its own id",
                )
            )
        ids.setdefault(name, i + 1)
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


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a screenplay file, for editors."""
    document = Screenplay.model_json_schema(by_alias=True)
    shorthand = {"Shot": "prompt", "TransitionTo": "kind", "Sound": "file", "Lora": "file"}
    for name, key in shorthand.items():
        whole = document["$defs"][name]
        plain = dict(whole["properties"][key])
        document["$defs"][name] = {
            "anyOf": [{**plain, "title": f"{name} as text"}, whole],
            "description": whole.get("description", ""),
        }
    scene = document["$defs"]["Scene"]["properties"]
    document["properties"] |= {
        key: value for key, value in scene.items() if key in SCENE_KEYS and key != "seed"
    }
    document.pop("required", None)
    document["anyOf"] = [{"required": [key]} for key in ("scenes", "shots", "prompt")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "holocine screenplay",
        **{key: value for key, value in document.items() if key != "title"},
    }
