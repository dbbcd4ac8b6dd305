"""One ``holocine.toml`` -> its settings, or every problem of it by line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from holocine_core.config.keys import KEYS, PROFILES, USER_FILE, Key
from holocine_core.config.toml_source import OWN_HINT, TomlSource, read_toml
from holocine_core.errors import InputError, Problem
from holocine_core.request import setting_hint
from holocine_core.sampling import OwnProfile, profile_name_fault

NAME = "holocine.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What somebody said."""

    key: str
    text: str
    told_by: str
    """``holocine.toml:2`` or a variable's name."""
    folder: Path | None = None
    """That no path may leave: the project's. None where any may be named."""

    def refused(self, message: str, hint: str = "") -> InputError:
        """An error of it, with its place."""
        return InputError(message, where=self.told_by, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A file that was looked for."""

    path: Path
    is_there: bool = False
    settings: Mapping[str, Setting] = field(default_factory=dict)
    profiles: Mapping[str, tuple[OwnProfile, str]] = field(default_factory=dict)
    """By name, with the place."""
    profile_lines: Mapping[str, str] = field(default_factory=dict)
    """By ``PROFILE.SETTING``, the place of each setting of them."""


def user_file() -> Path | None:
    """Where the user's own file lies, whether it is there or not; None where there is to be none.

    HOLOCINE_CONFIG names another one; empty, it says that none is to be read.
    """
    if (named := os.environ.get(USER_FILE)) is not None:
        return at_home(named, USER_FILE) if named else None
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # noqa: PTH117 - as the XDG says; a relative one does not count
        return Path(base) / "holocine" / NAME
    try:
        return Path.home() / ".config" / "holocine" / NAME
    except RuntimeError:  # No home.
        return None


def at_home(text: str, told_by: str) -> Path:
    """A path, ``~`` being somebody's home. Raises InputError where that is nobody's."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError(
            f"'{text}' is in no home that is known", where=told_by, hint="write the path out"
        ) from None


def read_config(path: Path, *, project: bool) -> ConfigFile:
    """Read one file; one that is not there says nothing.

    Args:
        path: The file.
        project: Whether it came with a screenplay: it names no path outside its folder then.

    Raises:
        InputError: With every problem of the file, each with its line.
        MachineError: It can't be read.
    """
    source = read_toml(path)
    if source is None:
        return ConfigFile(path=path)
    folder = path.parent if project else None
    problems: list[tuple[int, Problem]] = []
    settings: dict[str, Setting] = {}
    for name, value in source.data.items():
        found = list(_faults(source, name, value, folder))
        problems += found
        if name in KEYS and not found:
            told_by = _shown(source, (name,))
            settings[name] = Setting(key=name, text=value, told_by=told_by, folder=folder)
    profiles = {}
    lines: dict[str, str] = {}
    tables = source.data.get(PROFILES, {})
    for name, table in tables.items() if isinstance(tables, dict) else ():
        made, wrong = _profile(source, name, table)
        problems += wrong
        if made is not None:
            profiles[name] = made, _shown(source, (PROFILES, name))
            lines |= {f"{name}.{key}": _shown(source, (PROFILES, name, key)) for key in table}
    if problems:
        raise InputError.of([one for _, one in sorted(problems, key=lambda pair: pair[0])])
    return ConfigFile(
        path=path, is_there=True, settings=settings, profiles=profiles, profile_lines=lines
    )


def _shown(source: TomlSource, key: tuple[str, ...]) -> str:
    """A place as people read it: a home is ``~``."""
    path = source.path
    try:
        home = Path.home()
    except RuntimeError:
        return f"{path}:{source.line(key)}"
    if path.is_relative_to(home) and path != home:
        path = Path("~") / path.relative_to(home)
    return f"{path}:{source.line(key)}"


def _faults(
    source: TomlSource, name: str, value: Any, folder: Path | None
) -> Iterator[tuple[int, Problem]]:
    """What is wrong with a key at the top of a file, with its line."""

    def fault(message: str, hint: str) -> tuple[int, Problem]:
        return source.line((name,)), Problem(message, source.where((name,)), hint)

    if name == PROFILES:
        if not isinstance(value, dict):
            yield fault(f"`{PROFILES}` is no table", "write [profiles.NAME], and settings below")
        return
    if name not in KEYS:
        yield fault(f"unknown key `{name}`", _meant(name, value))
        return
    if not isinstance(value, str) or not value.strip():
        words = "a text" if isinstance(value, str) else _kind(value)
        told = "is empty" if isinstance(value, str) else f"is {words}"
        hint = f'write a text between quotes: {name} = "..."'
        of_profiles = name == "profile" and isinstance(value, dict)
        yield fault(f"`{name}` {told}", OWN_HINT if of_profiles else hint)
        return
    if not value.isprintable():
        yield fault(f"`{name}` holds a character that can't be printed", "retype it")
        return
    try:
        KEYS[name].refuse(value)
    except InputError as wrong:
        yield fault(wrong.message, wrong.hint)
        return
    if folder is not None and (why := leaves(KEYS[name], value)):
        yield fault(f"`{name}` {why}", OUTSIDE_HINT)


OUTSIDE_HINT = (
    "a project's file names what is inside its folder alone; say it in your own file "
    "(holocine config --path), or on the command line"
)


def leaves(key: Key, text: str) -> str:
    """How a text leaves its folder by its words alone; empty where it does not."""
    if not key.is_path and (key.name != "model" or not is_path(text)):
        return ""
    if Path(text).is_absolute() or text.startswith("~"):
        return f"is '{text}', which lies wherever it says"
    if ".." in Path(text).parts:
        return f"is '{text}', which climbs out of the file's folder"
    return ""


def is_path(text: str) -> bool:
    """Whether a model is named by its folder."""
    return "/" in text or os.sep in text or text.startswith("~") or text in (".", "..")


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "a table" if isinstance(value, dict) else kinds.get(type(value), "a time")


def _meant(name: str, value: Any) -> str:
    near = difflib.get_close_matches(name.replace("-", "_"), [*KEYS, PROFILES], n=1)
    if isinstance(value, dict) and near != [PROFILES] and (near or name in OwnProfile.model_fields):
        return OWN_HINT
    if name in OwnProfile.model_fields:
        return f"`{name}` belongs to a profile: write it below [profiles.NAME]"
    known = ", ".join([*KEYS, "[profiles.NAME]"])
    return f"did you mean `{near[0]}`?" if near else f"known here: {known}"


def _profile(
    source: TomlSource, name: str, table: Any
) -> tuple[OwnProfile | None, list[tuple[int, Problem]]]:
    """An own profile, or what is wrong with it."""
    key = (PROFILES, name)
    if not isinstance(table, dict):
        message, hint = f"the profile `{name}` is no table", f"write [profiles.{name}]"
        return None, [(source.line(key), Problem(message, source.where(key), hint))]
    if fault := profile_name_fault(name):
        return None, [(source.line(key), Problem(fault, source.where(key), "rename it"))]
    try:
        return OwnProfile.model_validate(table), []
    except ValidationError as error:
        found = []
        for detail in error.errors():
            at = (*key, *map(str, detail["loc"]))
            message, hint = _setting_words(name, detail)
            found.append((source.line(at), Problem(message, source.where(at), hint)))
        return None, found


def _setting_words(profile: str, detail: Any) -> tuple[str, str]:
    """What pydantic finds, and what to do."""
    names = [str(part) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden" and len(names) == 1:
        known = list(OwnProfile.model_fields)
        near = difflib.get_close_matches(names[0], known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"unknown setting `{names[0]}` of the profile `{profile}`", hint
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ").partition("; ")[0], setting_hint(detail)
    return f"{detail['input']!r} is no `{'.'.join(names)}`", setting_hint(detail)
