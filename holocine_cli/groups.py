"""Options that go together, declared once and handed to commands as one value."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from holocine_cli import many, pipes
from holocine_cli import options as opt
from holocine_cli.loras import loras_of
from holocine_cli.peeking import PeekOption
from holocine_cli.profiles import SettingsAsked
from holocine_core.errors import InputError, MachineError

if TYPE_CHECKING:
    from holocine_cli.batch import Job
    from holocine_cli.session import Session
    from holocine_core.api import Extras, Request


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
class ToldOfTakes(ToldAtLength):
    """What is printed by commands that film, and shown of what they film."""

    peek: PeekOption = None


@dataclass(frozen=True, kw_only=True)
class ModelAsked:
    """Which model films."""

    model: opt.Model = None
    expert_high: opt.ExpertHigh = None
    expert_low: opt.ExpertLow = None

    def of_model(self) -> dict[str, Any]:
        """The same, as a request calls it."""
        return {
            "model": self.model,
            "expert_high": self.expert_high,
            "expert_low": self.expert_low,
        }


@dataclass(frozen=True, kw_only=True)
class Asked(ModelAsked, SettingsAsked):
    """What shapes the picture, beside the screenplay."""

    seed: opt.Seed = None
    lora: opt.Lora = None
    allow_outside: opt.AllowOutside = False


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a film is made, and where its files lie."""

    device: opt.Device = None
    memory: opt.Memory = None
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
            **asked.of_model(),
            **asked.of_settings(),
            loras=loras_of(lora or ()),
            outside=asked.allow_outside,
            device=self.device or "auto",
            memory=self.memory or "auto",
            settled=frozenset(
                name for name in ("device", "memory") if getattr(self, name) is not None
            ),
            models_dir=self.models_dir,
            work=self.work,
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class Besides:
    """What is made beside a film."""

    shots: opt.Shots = None
    storyboard: opt.Storyboard = False
    otio: opt.Otio = False

    def extras(self) -> Extras:
        """The same, as the core calls it."""
        from holocine_core.api import Extras

        return Extras(shots=self.shots, storyboard=self.storyboard, otio=self.otio)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Which screenplays, beside those that are named."""

    files: many.FileList = None

    def sources(
        self, named: Sequence[Path] | None, session: Session, *, there: bool = True
    ) -> list[Path]:
        """The screenplays of the call; one that came from stdin, which is read here, has
        :data:`~holocine_cli.pipes.STDIN` as its name.

        Args:
            named: On the command line.
            session: Of the call.
            there: Whether all that is listed has to be: a worker's list may be a day old.

        Raises:
            InputError: There are none, or no such shard.
            MachineError: The list can not be read.
        """
        from holocine_core.api.fleet import sources

        if named is None and self.files is None:
            raise InputError(
                "no screenplay is named",
                hint="name one, a folder of them, or - for stdin; see --help",
            )
        listed = None if self.files is None else _text_of(self.files, session)
        place = str(pipes.STDIN if self.files == pipes.DASH else self.files)
        found = sources(named or (), listed, getattr(self, "shard", None), place, there=there)
        if list(named or ()).count(pipes.DASH) > 1:
            pipes.refuse_twice()
        return [pipes.given(session, path, "a screenplay")[0] for path in found]


@dataclass(frozen=True, kw_only=True)
class Gathered(Listed):
    """The same, and a share of them."""

    shard: many.Shard = None


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Films that several workers make."""

    worker: many.Worker = False
    on: many.On = None
    engine: many.EngineSettings = None
    until: many.Until = None
    tries: many.TriesOption = None
    retry: many.Retry = False
    in_order: many.InOrder = False
    settings: many.SettingsFile = None

    def hands_on(self, session: Session) -> bool:
        """Whether others make the films; from now on the call ends at its time.

        Raises:
            InputError: That is none.
        """
        if self.until is not None:
            session.stop.end_at(self.until)
        return self.on is not None

    def refuse_stdin(self, jobs: Sequence[Job]) -> None:
        """Raises InputError where workers are to make a film that only this call knows."""
        if (self.worker or self.on is not None) and any(job.request.given for job in jobs):
            raise InputError(
                "workers share files, and a screenplay from stdin lies in none",
                where="-",
                hint="save it in the folder, or leave out --worker and --on",
            )

    def require_worker(self) -> None:
        """Raises InputError where options of workers do not go together."""
        given = {"--tries": self.tries, "--retry": self.retry, "--in-order": self.in_order}
        for name, value in given.items():
            if value and not self.worker and self.on is None:
                raise InputError(f"{name} is for workers", hint="add --worker, or leave it out")
        if self.worker and self.on is not None:
            raise InputError("--on starts workers, --worker is one", hint="leave one out")
        if self.engine and self.on is None:
            raise InputError("--engine is for --on", hint="name the engine, such as --on local")


def _text_of(path: Path, session: Session) -> str:
    if path == pipes.DASH:
        return pipes.text_from_stdin(session, "a list of screenplays")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("the list is no text in UTF-8", where=str(path)) from None
    except FileNotFoundError:
        raise InputError(f"there is no list at {path}", where=str(path)) from None
    except OSError as refused:
        raise MachineError(
            f"the list can not be read: {refused.strerror}", where=str(path)
        ) from refused


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
