"""Names of films by a template: ``films/{stem}.mp4``.

May import: script, request, edit.delivery.
"""

from __future__ import annotations

import os
import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from holocine_core.edit.delivery import usual_suffix
from holocine_core.errors import InputError
from holocine_core.request import Request, bare_stem, stem_of
from holocine_core.script.reader import read
from holocine_core.script.screenplay import Screenplay

_OF_THE_FILE = ("stem", "folder", "date")
_OF_THE_TEXT = ("title", "profile", "seed")
FIELDS = (*_OF_THE_FILE, *_OF_THE_TEXT)
"""What a template of names may hold."""
_FIELD = re.compile(r"\{[A-Za-z_][^{}]*\}")
_DIGITS = re.compile(r"0?[1-9][0-9]?d?")
_NO_PART_OF_A_NAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
"""What some system does not take in a name, or takes for the end of one."""


def is_template(out: Path | None) -> bool:
    """Whether a film's name holds a field, one of :data:`FIELDS` or not: ``{{`` writes a brace."""
    return out is not None and _FIELD.search(str(out)) is not None


def dated(out: Path) -> Path:
    """A template with today in place of ``{date}``."""
    return Path(re.sub(r"(?<!\{)\{date\}", date.today().isoformat(), str(out)))


def film_named(template: str, screenplay: Path, request: Request = Request()) -> Path:
    """Where a screenplay's film goes: ``films/{stem}.mp4``.

    A screenplay that can not be read has its file's name in place of what it would have said: it
    will not be filmed, and what is wrong with it is told by whoever plans it.

    Args:
        template: The film's path, with fields.
        screenplay: Its file.
        request: What is asked for beside it.

    Raises:
        InputError: The template has other fields, or is not written as one.
    """
    try:
        values = _values(screenplay, request, _fields_of(template))
        return Path(template.format(**values))
    except (ValueError, KeyError, IndexError) as wrong:
        raise _no_template(template, wrong) from None


def _no_template(template: str, wrong: Exception) -> InputError:
    names = ", ".join(f"{{{name}}}" for name in FIELDS)
    return InputError(
        f"'{template}' is no name for films: {wrong}",
        where="--out",
        hint=f"it may hold {names}",
    )


def require_template(template: str) -> None:
    """Raises InputError where a template has other fields, or is not written as one."""
    try:
        _fields_of(template)
    except ValueError as wrong:
        raise _no_template(template, wrong) from None


def draft_names(
    screenplay: Path, asked: Sequence[Request], folder: Path
) -> tuple[list[Path], Path]:
    """Where drafts of a screenplay go, and the name that they have in common.

    Args:
        screenplay: Its file.
        asked: For each draft; its ``out`` is a name or a template, ``NAME.preview.mp4`` where None.
        folder: Where those go.

    Raises:
        InputError: As :func:`film_named`.
    """
    out = asked[0].out
    if is_template(out):
        names = [film_named(str(out), screenplay, one) for one in asked]
        if len(set(names)) == len(names):
            return names, names[0]
        common = names[0]
    else:
        common = out or folder / f"{asked[0].stem(screenplay)}.preview.mp4"
    if len(asked) == 1:
        return [common], common
    return [common.with_stem(f"{common.stem}-{one.draft}") for one in asked], common


def kept_aside(screenplay: Path, request: Request) -> Request:
    """A request for a film that is not to lie anywhere, such as one that goes to stdout: it is made
    in its work folder, which is that of the film that would lie there, and stays there for the next
    call."""
    told = _screenplay(screenplay, request)
    suffix = ".mp4" if told is None else usual_suffix(told.video.codec)
    work = request.work_folder(screenplay)
    told_by = {field: place for field, place in request.told_by.items() if field != "out"}
    film = work / f"{request.stem(screenplay)}{suffix}"
    return replace(request, out=film, work=work, told_by=told_by)


def _fields_of(template: str) -> set[str]:
    """The fields of a template. Raises ValueError where one is none, or written in another way."""
    fields = set()
    for _, name, form, kind in string.Formatter().parse(template):
        if name is None:
            continue
        if name not in FIELDS:
            raise ValueError(f"it has no field {{{name}}}")
        if kind or (form and not (name == "seed" and _DIGITS.fullmatch(form))):
            raise ValueError(f"{{{name}}} takes nothing more, but {{seed:04}} has zeros before it")
        fields.add(name)
    return fields


def _values(screenplay: Path, request: Request, fields: set[str]) -> dict[str, str | int]:
    """What each field of a template says for one screenplay."""
    values: dict[str, str | int] = {
        # Neither a file that is called `...yaml` nor a path with `..` names the folder above.
        "stem": stem_of(screenplay) if request.given is None else bare_stem(screenplay),
        "folder": Path(os.path.abspath(screenplay)).parent.name,  # noqa: PTH100 - links stay
        "date": date.today().isoformat(),
    }
    if fields & set(_OF_THE_TEXT):
        values |= _told(screenplay, request, str(values["stem"]))
    if not values["folder"] and "folder" in fields:
        raise ValueError("{folder} is empty for a screenplay that lies in no folder")
    return values


def _told(screenplay: Path, request: Request, stem: str) -> dict[str, str | int]:
    """What a screenplay says of itself, and the request before it."""
    title, profile, seed = stem, "standard", 0
    if (found := _screenplay(screenplay, request)) is not None:
        title, profile, seed = found.title or stem, found.profile, found.seed
        given = "profile" in found.model_fields_set
        profile = profile if given else request.fallback.profile or profile
    seed = seed if request.seed is None else request.seed
    draft = request.from_draft or request.draft
    return {
        "title": _as_part(title) or stem,
        "profile": request.profile or profile,
        "seed": (seed + draft - 1) % 2**63,
    }


def _screenplay(path: Path, request: Request) -> Screenplay | None:
    """None where it can not be read, or something is wrong with it."""
    try:
        return read(path, request.given).screenplay
    except InputError:
        return None


def _as_part(text: str) -> str:
    """A title as one part of a path: no other folder, no hidden file, nothing that no system takes;
    empty where nothing is left of it."""
    plain = _NO_PART_OF_A_NAME.sub("-", unicodedata.normalize("NFC", text))
    return " ".join(plain.split()).strip(". ")
