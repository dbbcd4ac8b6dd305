"""All that was set for one screenplay -> one value, and which file or variable said what.

Who wins: the call, the screenplay, the environment, the project's file, the user's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from holocine_core.config.files import (
    NAME,
    ConfigFile,
    Setting,
    is_path,
    read_config,
    user_file,
)
from holocine_core.config.keys import KEYS, USER_FILE
from holocine_core.config.places import Places, path_of, recorded_places
from holocine_core.errors import InputError
from holocine_core.film.naming import film_named, is_template
from holocine_core.request import Fallback, Request, stem_of
from holocine_core.sampling import PROFILE_NAMES, OwnProfile, profile_hint

AUTO = ("device", "memory")
"""Fields of a request whose usual value is a word."""
OF_A_MACHINE = frozenset({"models_dir", "device", "memory"})
"""What a film that is edited does not say of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What holds for one screenplay where a call says nothing; None where nobody said it."""

    profile: str | None = None
    model: str | None = None
    """A name, or an absolute path."""
    out: Places | None = None
    """Films."""
    work: Places | None = None
    """Their work folders."""
    models_dir: Path | None = None
    device: str | None = None
    memory: str | None = None
    profiles: Mapping[str, OwnProfile] = field(default_factory=dict)
    told_by: Mapping[str, str] = field(default_factory=dict)
    """By key, and of a profile by ``profiles.NAME``: ``holocine.toml:2`` or a variable."""

    def of_machine(self) -> Configured:
        """Without what a film that is edited says of itself."""
        told = {key: place for key, place in self.told_by.items() if key in OF_A_MACHINE}
        kept = {key: getattr(self, key) for key in OF_A_MACHINE}
        return Configured(**kept, told_by=told)

    def below(self, request: Request, screenplay: Path | None = None) -> Request:
        """A request with all that it does not say itself.

        Args:
            request: What goes before it.
            screenplay: For which; its film and work folder stay as they are where None.

        Raises:
            InputError: A name of films by a template is none, or leads out of the project.
        """
        request = replace(request, profiles={**self.profiles, **request.profiles})
        given: dict[str, Any] = {}
        for key in ("models_dir", *AUTO):
            usual = "auto" if key in AUTO else None
            said = getattr(request, key) != usual or key in request.settled
            if not said and getattr(self, key) is not None:
                given[key] = getattr(self, key)
        told = [*given, *(key for key in ("profile", "model") if getattr(self, key) is not None)]
        whole = replace(
            request,
            **given,
            fallback=Fallback(profile=self.profile, model=self.model),
            told_by={**request.told_by, **{key: self.told_by[key] for key in told}},
        )
        return whole if screenplay is None else self._placed(whole, screenplay)

    def _placed(self, request: Request, screenplay: Path) -> Request:
        """With the film's place and its work folder's."""
        if request.out is None and self.out is not None:
            film = self.out.of(request.film(screenplay).name, screenplay, request)
            told = {**request.told_by, "out": self.told_by["out"]}
            request = replace(request, out=film, told_by=told)
        if request.work is None and self.work is not None:
            named = request
            if is_template(request.out):
                named = replace(request, out=film_named(str(request.out), screenplay, request))
            name = stem_of(named.named(screenplay))
            work = self.work.of(name, screenplay, request)
            told = {**request.told_by, "work": self.told_by["work"]}
            request = replace(request, work=work, told_by=told)
        return request

    def record(self) -> dict[str, Any]:
        """For other processes, wherever they work: paths are absolute."""
        home = self.models_dir
        said = {key: getattr(self, key) for key in ("profile", "model", "device", "memory")}
        return {
            **said,
            "models_dir": None if home is None else os.path.abspath(home),  # noqa: PTH100
            "out": None if self.out is None else self.out.record(),
            "work": None if self.work is None else self.work.record(),
            "profiles": {name: one.record() for name, one in self.profiles.items()},
            "told_by": dict(self.told_by),
        }


def recorded(told: Mapping[str, Any]) -> Configured:
    """What :meth:`Configured.record` told.

    Raises:
        ValueError, TypeError: It is none.
    """
    told_by, home = told["told_by"], told["models_dir"]
    places = {
        key: None if told[key] is None else recorded_places(key, told[key], told_by[key])
        for key in ("out", "work")
    }
    profiles = {
        name: OwnProfile.model_validate(one) for name, one in dict(told["profiles"]).items()
    }
    models_dir = None if home is None else Path(home)
    return Configured(**{**told, **places, "models_dir": models_dir, "profiles": profiles})


def files_for(folder: Path) -> tuple[ConfigFile, ...]:
    """The project's file in a folder and the user's, as far as they are to be read.

    Raises:
        InputError: One is wrong, or HOLOCINE_CONFIG names none that is there.
        MachineError: One can't be read.
    """
    own = user_file()
    found = []
    project = folder / NAME
    if own is None or os.path.realpath(project) != os.path.realpath(own):
        found.append(read_config(project, project=True))
    if own is not None:
        found.append(read_config(own, project=False))
        if not found[-1].is_there and os.environ.get(USER_FILE):
            raise InputError(
                f"{USER_FILE} names a file that is not there",
                where=str(own),
                hint="name another one, or none: an empty value reads none",
            )
    return tuple(found)


def configured_for(screenplay: Path) -> Configured:
    """All that holds for one screenplay.

    Args:
        screenplay: Its file, which need not be there.

    Raises:
        InputError: A file or variable is wrong, with its line; or a project's file names a path
            outside its folder.
        MachineError: A file can't be read.
    """
    files = files_for(screenplay.parent)
    settings = settings_of(files)
    made: dict[str, Any] = {key: _value(one) for key, one in settings.items()}
    return _with_profiles(made, settings, files)


def configured_in(folder: Path) -> Configured:
    """All that holds in a folder for what is no screenplay: ``out`` and ``work`` are left out.

    Raises:
        InputError, MachineError: As :func:`configured_for`.
    """
    files = files_for(folder)
    settings = {key: one for key, one in settings_of(files).items() if key not in ("out", "work")}
    made: dict[str, Any] = {key: _value(one) for key, one in settings.items()}
    return _with_profiles(made, settings, files)


def _with_profiles(
    made: dict[str, Any], settings: Mapping[str, Setting], files: Sequence[ConfigFile]
) -> Configured:
    profiles = {name: told for file in reversed(files) for name, told in file.profiles.items()}
    told_by = {key: one.told_by for key, one in settings.items()}
    chosen = settings.get("profile")
    if chosen is not None and chosen.text not in (*PROFILE_NAMES, *profiles):
        raise chosen.refused(
            f"there is no profile '{chosen.text}'", profile_hint(chosen.text, profiles)
        )
    return Configured(
        **made,
        profiles={name: one for name, (one, _) in profiles.items()},
        told_by={**told_by, **{f"profiles.{name}": at for name, (_, at) in profiles.items()}},
    )


def settings_of(files: Sequence[ConfigFile]) -> dict[str, Setting]:
    """Of every key that is set, what wins.

    Raises:
        InputError: A variable's value is none.
    """
    return dict(_winning(files))


def _winning(files: Sequence[ConfigFile]) -> Iterator[tuple[str, Setting]]:
    for name, key in KEYS.items():
        said = os.environ.get(key.variable, "")
        if said.strip():
            one = Setting(key=name, text=said, told_by=key.variable)
            try:
                key.refuse(said)
            except InputError as wrong:
                raise one.refused(wrong.message, wrong.hint) from None
            yield name, one
            continue
        for file in files:
            if name in file.settings:
                yield name, file.settings[name]
                break


def _value(setting: Setting) -> str | Path | Places:
    """What a setting stands for."""
    if setting.key == "model":
        return _model(setting)
    if setting.key == "models_dir":
        return path_of(setting, setting.text)
    if setting.key in ("out", "work"):
        return Places(text=setting.text, setting=setting)
    return setting.text


def _model(setting: Setting) -> str:
    """A model's name as it is; its folder by an absolute path, for a film that is edited is planned
    with it, wherever that is."""
    text = setting.text
    if setting.folder is not None and not is_path(text):
        from holocine_core.model.spec import MODELS

        # os.path answers False where Path raises: names too long for any folder.
        beside = text not in MODELS and os.path.isdir(setting.folder / text)  # noqa: PTH112
        text = f"./{text}" if beside else text
    if not is_path(text):
        return text
    return os.path.abspath(path_of(setting, text))  # noqa: PTH100 - links stay
