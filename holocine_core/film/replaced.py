"""The film that lies in another's place: whether it may be replaced, and the version that is kept
of it.

May import: film, plan, script, store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from holocine_core.errors import InputError
from holocine_core.events import Emit, Warned
from holocine_core.film.extras import is_ours
from holocine_core.film.ownership import (
    film_is_ours,
    film_key,
    is_finished_film,
    is_preview,
    is_torn,
    sidecar_is_ours,
)
from holocine_core.film.provenance import provenance
from holocine_core.film.record import OWN, checked_provenance
from holocine_core.film.version_store import Version, as_stored, read_versions
from holocine_core.film.versions import note_version
from holocine_core.plan.values import Plan
from holocine_core.script.edits import latest_told, read_edits
from holocine_core.store.records import intact_record, sidecar_path
from holocine_core.store.vault import Vault, disk_errors, file_hash, fingerprint


def refuse_to_overwrite(plan: Plan, *, force: bool) -> None:
    """Raise InputError where another film lies at ``plan.out``, before any work is done.

    A film this plan made that was damaged since is not another one: it is made again. Nor is one
    that the same screenplay made before it was changed; but a draft takes a draft's place only.
    """
    if os.path.isdir(plan.out):  # noqa: PTH112
        raise InputError(f"{plan.out} is a folder", where=str(plan.out), hint="name a file")
    if not os.path.exists(plan.out) or force:  # noqa: PTH110
        return
    if sidecar_is_ours(plan) or film_is_ours(plan) or is_torn(plan):
        return
    if plan.is_draft and is_finished_film(plan.out):
        raise InputError(
            f"{plan.out} is a finished film, and a draft does not replace it",
            where=str(plan.out),
            hint=f"name the draft {plan.out.stem}.preview{plan.out.suffix} with -o, "
            "or replace the film with --force",
        )
    if not is_earlier(plan):
        raise _edited_since(plan) or InputError(
            f"{plan.out} exists and is another film", where=str(plan.out), hint=_REPLACE
        )


_REPLACE = "replace it with --force, or name another file with -o"


def _edited_since(plan: Plan) -> InputError | None:
    """That the film which is there is the screenplay's, edited since it was rendered, and how to go
    back; None where it is not."""
    recorded = intact_record(sidecar_path(plan.out))
    if not (recorded.get("edits") and _is_source(plan, recorded)):
        return None
    try:
        edits = read_edits(recorded["edits"])
    except ValidationError:
        return None
    known = read_versions(plan.work).known
    same = next((one.number for one in known if one.key == film_key(plan)), None)
    back = (
        f"holocine versions {plan.out} lists what it was"
        if same is None
        else f"what this would make is there: holocine versions {plan.out} --pick {same}"
    )
    return InputError(
        f"{plan.out} was edited since it was rendered: {latest_told(edits, len(plan.takes))}",
        where=str(plan.out),
        hint=f"{back}; or {_REPLACE}",
    )


def _is_source(plan: Plan, recorded: Mapping[str, Any]) -> bool:
    """Whether a film's record names the plan's screenplay."""
    source = recorded.get("screenplay_file")
    home = plan.out.resolve().parent
    return isinstance(source, str) and (home / source).resolve() == plan.screenplay_path.resolve()


def is_earlier(plan: Plan) -> bool:
    """Whether the plan's screenplay made the film that is there, before it was changed: nobody has
    edited or changed the film since, its takes are kept, and it says what a version has to, so that
    it can be made again."""
    told = intact_record(sidecar_path(plan.out))
    if not _is_source(plan, told) or told.get("edits") or not plan.out.is_file():
        return False
    if not _has_takes(plan, told):
        return False
    if not is_passing(plan):
        try:
            _as_version(plan, told)
        except InputError:
            return False
    with disk_errors("read the film", plan.out):
        return bool(file_hash(plan.out) == told.get("sha256"))


def is_passing(plan: Plan) -> bool:
    """Whether what lies at ``plan.out`` is a preview that the plan's draft replaces, and that is no
    version: by its name, or because `preview` wrote it under any other."""
    return is_preview(plan.out) or (plan.is_draft and is_ours(plan, plan.out))


def remember_replaced(plan: Plan, emit: Emit, *, force: bool) -> None:
    """Note the film that lies in a plan's place and that the plan's film is about to replace, if
    its work folder or its takes are this plan's and it is as it was made.

    Args:
        plan: Of the film to come.
        emit: Told where the version's number may be another's, or it can not be noted.
        force: Whether a film that can not be noted may be replaced.

    Raises:
        InputError: It says of itself what this holocine does not understand.
        MachineError: The work folder can not be written.
    """
    told = intact_record(sidecar_path(plan.out))
    if not plan.out.is_file() or told.get("key") in (None, film_key(plan)):
        return
    if is_passing(plan):
        return
    home = plan.out.resolve().parent
    same = (home / str(told.get("work"))).resolve() == plan.work.resolve()
    if not same and not _has_takes(plan, told):
        return
    if file_hash(plan.out) != told.get("sha256"):
        return
    try:
        version = _as_version(plan, told)
    except InputError as unknown:
        if not force:
            raise
        emit(
            Warned(
                message=f"the film is replaced and not kept as a version: {unknown.message}",
                where=unknown.where,
                hint=unknown.hint,
            )
        )
        return
    noted = note_version(plan.work, version)
    if read_versions(plan.work).list_is_damaged:
        emit(
            Warned(
                message="records of versions were lost: the film that is replaced is noted as "
                f"version {noted.number}, which another may have been",
                where=str(plan.work),
                hint=f"holocine versions {plan.out} lists what there is",
            )
        )


def _as_version(plan: Plan, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a version has to say, by the sidecar of the film that is there; but its number.

    Raises:
        InputError: The sidecar does not say it.
    """
    path = sidecar_path(plan.out)
    made = {name: told[name] for name in (*provenance(plan), OWN) if name in told}
    whole = checked_provenance(made, path, "name another file with -o")
    version = {
        "key": told["key"],
        "edits": whole.get("edits", ()),
        "takes": told.get("holds")
        or as_stored([("latents", take["fingerprint"]) for take in whole["takes"]]),
        "film": os.path.relpath(plan.out, plan.work),
        "root": fingerprint([whole["screenplay"], whole["profile"], whole.get("options", {})]),
        "source": told.get("screenplay_file", ""),
        "made": made,
    }
    try:
        Version.model_validate({**version, "number": 1}, strict=False)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(
            f"its sidecar says of `{field}` what this holocine does not understand",
            where=str(path),
            hint="name another file with -o",
        ) from None
    return version


def _has_takes(plan: Plan, told: Mapping[str, Any]) -> bool:
    """Whether the plan's work folder holds all takes that a film tells of."""
    vault, takes = Vault(plan.work), told.get("takes")
    return isinstance(takes, list) and all(_is_kept(vault, take) for take in takes)


def _is_kept(vault: Vault, take: Any) -> bool:
    """Whether the work folder holds the latents of a take that a film tells of."""
    key = take.get("fingerprint") if isinstance(take, dict) else None
    return isinstance(key, str) and key.isalnum() and vault.find("latents", key) is not None
