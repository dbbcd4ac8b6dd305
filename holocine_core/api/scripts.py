"""From a script to a screenplay: import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Script = Literal["fountain", "fdx", "csv", "raw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A screenplay that was made of a script."""

    screenplay: Path
    scenes: int
    shots: int
    characters: tuple[str, ...]
    open_places: int
    """Places to decide, marked ``LOOK:``."""
    schema: Path
    """What editors check it by, beside it."""
    wrote_schema: bool
    """Whether the schema was not there yet."""


def import_script(
    script: str | Path,
    out: str | Path | None = None,
    *,
    kind: Script | None = None,
    model: str = "nano",
    models_dir: Path | None = None,
    given: bytes | None = None,
    force: bool = False,
) -> Imported:
    """Make a screenplay of a script, a shot list or HoloCine's raw prompts, the schema beside it.

    Args:
        script: The file.
        out: The screenplay; ``SCRIPT.yaml`` in the current folder where None.
        kind: What the file is; told by its name, or by what it holds, where None.
        model: That is to film it: its longest scene is the longest here.
        models_dir: Where downloaded models lie.
        given: What the script holds, where ``script`` only names it: it is titled after ``out``.
        force: Replace what is in the way.

    Raises:
        InputError: The script can not be read, or a file is in the way.
        MachineError: The folder can not be written.
    """
    from holocine_core.adapt.draft import to_yaml
    from holocine_core.adapt.read import Given, read_script
    from holocine_core.api.films import schema_beside
    from holocine_core.model.locate import find_model
    from holocine_core.request import bare_stem
    from holocine_core.script.file_kinds import require_script_file
    from holocine_core.store.files import refuse_to_be, save

    source = Path(script)
    spec = find_model(model, models_dir).spec
    stem = source.stem if given is None else bare_stem(source)
    path = Path(out) if out is not None else Path(f"{stem}.yaml")
    if kind is None and given is None:
        require_script_file(source)
    refuse_to_be(path, source, "script")
    content = None if given is None else Given(given, title=path.stem)
    longest = spec.max_frames / spec.fps
    draft = read_script(source, longest=longest, fps=spec.fps, kind=kind, given=content)
    save(path, to_yaml(draft, model).encode(), replace=force)
    schema, lacked = schema_beside(path)
    return Imported(
        screenplay=path,
        scenes=len(draft.scenes),
        shots=sum(len(scene.shots) for scene in draft.scenes),
        characters=tuple(draft.looks),
        open_places=draft.open_places,
        schema=schema,
        wrote_schema=lacked,
    )
