"""Options that go together, declared once and handed to commands as one value."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from holocine_cli import options as opt
from holocine_cli.loras import loras_of

if TYPE_CHECKING:
    from holocine_core.api import Request


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is printed."""

    as_json: opt.Json = False
    quiet: opt.Quiet = 0


@dataclass(frozen=True, kw_only=True)
class ToldAtLength(Told):
    """What is printed by commands that work long."""

    verbose: opt.Verbose = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What shapes the picture, beside the screenplay."""

    seed: opt.Seed = None
    model: opt.Model = None
    lora: opt.Lora = None
    allow_outside: opt.AllowOutside = False


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a film is made, and where its files lie."""

    device: opt.Device = "auto"
    memory: opt.Memory = "auto"
    models_dir: opt.ModelsDir = None
    work: opt.Work = None

    def request(self, lora: Sequence[str] | None, asked: Asked = Asked(), **more: Any) -> Request:
        """What is asked for, with what else a command knows.

        Raises:
            InputError: A LoRA is not written as it should be.
        """
        from holocine_core.api import Request

        return Request(
            seed=asked.seed,
            model=asked.model,
            loras=loras_of(lora or ()),
            outside=asked.allow_outside,
            device=self.device,
            memory=self.memory,
            models_dir=self.models_dir,
            work=self.work,
            **more,
        )


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters of these classes are options of their own to Typer."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[type, list[str]]] = {}
    parameters, annotations = [], {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not dataclasses.is_dataclass(kind):
            parameters.append(parameter.replace(annotation=kind, kind=parameter.KEYWORD_ONLY))
            continue
        assert isinstance(kind, type)
        inside = get_type_hints(kind, include_extras=True)
        groups[name] = kind, [field.name for field in dataclasses.fields(kind)]
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=inside[field.name],
            )
            for field in dataclasses.fields(kind)
        ]
    annotations = {one.name: one.annotation for one in parameters}

    @functools.wraps(command)
    def call(**given: Any) -> None:
        values = {
            name: kind(**{field: given.pop(field) for field in fields})
            for name, (kind, fields) in groups.items()
        }
        command(**given, **values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = annotations
    return call
