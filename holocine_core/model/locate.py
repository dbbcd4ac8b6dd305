"""Name or path -> the model meant. No torch here.

A model is named in one of these ways:

- a name of the table: the embedded model, or files below the models folder;
- a folder in diffusers' pipeline layout (model_index.json), with an optional card;
- a folder that holds HoloCine's release tree (HoloCine_dit/...), or one variant inside it;
- a folder of files under other names, which are known by what they are (:mod:`gathered`);
- a name that was given to any of these (:mod:`added`).

A name of the table wins over a folder of that name; ``./name`` means the folder. Files of single
parts can be named beside: they take the place of the model's own.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from holocine_core.errors import InputError, MachineError, is_panic
from holocine_core.model.added import Added, added_model, added_models
from holocine_core.model.components import LocatedModel
from holocine_core.model.folders import locate_folder, locate_parted
from holocine_core.model.gathered import model_of, with_files
from holocine_core.model.home import models_folder
from holocine_core.model.release import locate_release
from holocine_core.model.spec import MODELS
from holocine_core.model.spiece import spiece_json
from holocine_core.model.spiece_file import spiece_bytes
from holocine_core.model.training_runs import is_training_run, refusal_of_run
from holocine_core.store.files import parse_json, read_small, stamp

_NOTHING: Mapping[str, Path] = {}
_NO_RECORD: Mapping[str, str] = {}
_STRANGE = "A caf\u00e9, \u706f\u53f0; zq \U0001f3ac\x07 9"
"""A text that a tokenizer has to read: words, marks, and what it has no word for."""


def find_model(
    name_or_path: str,
    models_dir: Path | None = None,
    outright: Mapping[str, Path] = _NOTHING,
    before: Mapping[str, str] = _NO_RECORD,
) -> LocatedModel:
    """The model a user means. Missing files are reported in the result, not raised.

    Args:
        name_or_path: A name of the table, one that was added, or a folder; empty for HoloCine's
            variant that files which are named outright say.
        models_dir: Where the table's models lie; ``models_folder`` decides where None.
        outright: Files that the call names, by part.
        before: Files of the model's folder that a film was made with, by part: those that are
            still there are not looked for again.

    Raises:
        InputError: Where nothing of that name is known, a folder's configs make no sense, or a
            file that is named is none of the model's.
    """
    name = name_or_path or model_of(outright)
    added, named = _added(name, models_dir), dict[str, Path]()
    if added is not None:
        if not added.folder.is_dir():
            raise InputError(
                f"the folder of {name} is gone",
                where=str(added.folder),
                hint=f"give the name to where it is now: holocine models add {name} FOLDER --force",
            )
        name, named = str(added.folder), dict(added.files)
    if name not in MODELS:
        home = Path(name).expanduser()
        named |= {part: home / file for part, file in before.items() if (home / file).is_file()}
    named |= outright
    located = _located(name, models_dir, named)
    return replace(located, outright=outright)


def _located(name: str, models_dir: Path | None, named: Mapping[str, Path]) -> LocatedModel:
    spec = MODELS.get(name)
    if spec is not None and spec.embedded:
        located = locate_folder(Path(__file__).parent / spec.embedded, spec)
        return with_files(located, named)
    if spec is not None and spec.parted:
        return with_files(locate_parted(spec, models_folder(models_dir)), named)
    if spec is not None:
        return with_files(locate_release(spec, models_folder(models_dir)), named)
    folder = Path(name).expanduser()
    # os.path answers False where Path raises: names too long for any folder, or with a NUL.
    if os.path.isdir(folder):  # noqa: PTH112
        return _in_folder(folder, named)
    known = [*MODELS, *added_models(models_folder(models_dir))]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    raise InputError(
        f"there is no model {name!r}, neither by that name nor as a folder",
        hint=(f"did you mean {near[0]}? " if near else "") + f"known are {', '.join(known)}",
    )


def _in_folder(folder: Path, named: Mapping[str, Path]) -> LocatedModel:
    """The model in a folder; a training run's is told as such where it is no whole model."""
    try:
        located = locate_folder(folder, named=named)
    except InputError:
        if is_training_run(folder):
            raise refusal_of_run(folder) from None
        raise
    if located.missing and is_training_run(folder):
        raise refusal_of_run(folder)
    return located


def _added(name: str, models_dir: Path | None) -> Added | None:
    """The folder that was added by a name."""
    if name in MODELS:
        return None
    try:
        return added_model(name, models_folder(models_dir))
    except RuntimeError:  # No home.
        return None


def folder_of(name: str, models_dir: Path | None = None) -> Path | None:
    """The folder that a name which was given to it stands for, or that is named itself; None for a
    model of the table, and where there is none."""
    added = _added(name, models_dir)
    folder = Path(name).expanduser() if added is None else added.folder
    there = os.path.isdir(folder)  # noqa: PTH112
    return folder if there and name not in MODELS else None


def is_added(name: str, models_dir: Path | None = None) -> bool:
    """Whether a user gave a folder this name."""
    return _added(name, models_dir) is not None


def load_tokenizer(located: LocatedModel) -> Any:
    """The model's ``tokenizers.Tokenizer``, without padding or truncation.

    It needs neither transformers nor torch, so that prompts are counted before anything loads.
    """
    files = located.component("tokenizer")
    path = files.paths[0]
    return _read_tokenizer(path, stamp(path), files.where)


@lru_cache(maxsize=4)
def _read_tokenizer(path: Path, _: tuple[int, int, int], where: str) -> Any:
    """Kept: many films are planned by one, and to read it takes as long as all else of a plan."""
    from tokenizers import Tokenizer

    try:
        own = path.suffix == ".json"
        raw = read_small(path) if own else spiece_json(spiece_bytes(path)).encode()
        settings = parse_json(raw)
    except ValueError as broken:
        raise _no_tokenizer(f"is damaged: {broken}", where) from broken
    if not isinstance(settings, dict) or "model" not in settings:
        raise _no_tokenizer("describes no tokenizer", where)
    with _Refusals(where):
        tokenizer = Tokenizer.from_str(raw.decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        read = tokenizer.encode(_STRANGE)
    if not read.ids:
        raise _no_tokenizer("makes no tokens of a text", where)
    return tokenizer


class _Refusals:
    """Around the library of tokenizers: it refuses with an ``Exception`` and no kind of one, or
    panics."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        refused = kind in (Exception, TypeError, ValueError, OverflowError)
        if refused or (error is not None and is_panic(error)):
            raise _no_tokenizer(f"can not be used: {error}", self._where) from error


def _no_tokenizer(how: str, where: str) -> MachineError:
    hint = "fetch or save the tokenizer again"
    return MachineError(f"{Path(where).name} {how:.300}", where=where, hint=hint)
