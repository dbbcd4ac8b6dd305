"""What ships by name, recipes, suites and templates; and a screenplay begun from one of those."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from holocine_core.api.films import schema_beside
from holocine_core.errors import InputError
from holocine_core.shipped.names import RECIPES, SUITES, Shipped, listed, templates

STARTER = Path(__file__).parents[1] / "script" / "starter.yaml"
_TITLE = re.compile(r"^title: .*$", re.M)
_MODEL = re.compile(r"^model: \S+", re.M)
MODEL = "nano"
"""What a new screenplay names where nobody does: it ships, and films on any CPU in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A new screenplay, and the schema that editors check it by."""

    screenplay: Path
    schema: Path
    wrote_schema: bool
    """Whether the schema was not there yet."""


def new(
    name: str,
    out: str | Path | None = None,
    *,
    template: str | None = None,
    model: str | None = None,
    models_dir: Path | None = None,
    force: bool = False,
) -> Started:
    """Write a screenplay to begin with, and the schema beside it.

    Args:
        name: The film's, which may have folders before it.
        out: The file; ``NAME.yaml`` where None.
        template: A short film of a form, see :func:`template_names`, in words that the model knows;
            where None, a starter that explains every key.
        model: Which the screenplay names, as :func:`~holocine_core.api.model` takes it; ``nano``
            where None. Its weights need not be there.
        models_dir: Where models lie; as everywhere where None.
        force: Replace what is in the way.

    Raises:
        InputError: The name is none, there is no such template or model, or a file is in the way.
        MachineError: The folder can not be written.
    """
    from holocine_core.store.files import save

    title = name.removesuffix(".yaml").removesuffix(".yml").strip()
    stem = re.sub(r"[^\w.-]+", "-", Path(title).name).strip("-.")
    if not stem:
        raise InputError(f"'{name}' is no name for a film", hint="such as: holocine new harbour")
    path = Path(out) if out is not None else Path(title).parent / f"{stem}.yaml"
    begun = _begun(template, model or MODEL, models_dir)
    begun = _with_line(begun, _TITLE, f"title: {_text(Path(title).name)}")
    begun = _with_line(begun, _MODEL, _model_line(model))
    save(path, begun.encode(), replace=force)
    schema, lacked = schema_beside(path)
    return Started(screenplay=path, schema=schema, wrote_schema=lacked)


def _begun(template: str | None, model: str, models_dir: Path | None) -> str:
    """The text that a screenplay for a model begins with."""
    from holocine_core.model.locate import find_model
    from holocine_core.model.vocabulary import read_vocabulary

    located = find_model(model, models_dir)
    if template is None:
        return STARTER.read_text(encoding="utf-8")
    files = templates(drawn=read_vocabulary(located) is not None).files()
    if template not in files:
        raise InputError(
            f"there is no template '{template}'", hint=f"there are {', '.join(template_names())}"
        )
    return files[template].read_text(encoding="utf-8")


def _with_line(text: str, line: re.Pattern[str], told: str) -> str:
    """A screenplay with another line in place of the one of its kind."""
    return line.sub(lambda _: told, text, count=1)


def _text(said: str) -> str:
    """A text as YAML reads it in any case."""
    return json.dumps(said, ensure_ascii=False)


def _model_line(model: str | None) -> str:
    from holocine_core.model.spec import MODELS

    model = model or MODEL
    return f"model: {model if model in MODELS else _text(model)}"


def template_names() -> tuple[str, ...]:
    """The templates that ship, for :func:`new`."""
    return tuple(templates(drawn=True).files())


def recipes() -> tuple[Shipped, ...]:
    """The training recipes that ship, by the names that :func:`~holocine_core.api.train` takes."""
    return listed(RECIPES)


def suites() -> tuple[Shipped, ...]:
    """The evaluation suites that ship, by the names that ``Measuring(suite=...)`` takes."""
    return listed(SUITES)
