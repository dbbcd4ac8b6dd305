"""The table of measures, and the gates that its first column has to pass."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from holocine_core.errors import InputError, Problem
from holocine_core.evaluate.numbers import Better, Measure

Unit = Literal["share", "score", "frames", "cuts", "percent"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table."""

    name: str
    better: Better
    unit: Unit
    about: str
    judged: bool = False
    """Whether it takes the drawn world's judge, and so a suite."""


_ANY = (
    Metric("cut-accuracy", "higher", "share", "cuts found within one frame of where they belong"),
    Metric("cut-step", "higher", "share", "cuts where the picture changes most"),
    Metric("sca", "higher", "score", "shot-cut accuracy exp(-NSD)"),
    Metric("cut-error", "lower", "frames", "distance of a cut from where it belongs"),
    Metric("extra-cuts", "lower", "cuts", "cuts per scene that nobody asked for"),
    Metric("intra-shot", "higher", "score", "likeness inside shots, by colour"),
    Metric("inter-shot", "higher", "score", "likeness of shots with one character, by colour"),
    Metric("intra-shot-clip", "higher", "score", "likeness inside shots, by CLIP"),
    Metric("inter-shot-clip", "higher", "score", "likeness of shots with one character, by CLIP"),
    Metric("intra-shot-dino", "higher", "score", "likeness inside shots, by DINO"),
    Metric("inter-shot-dino", "higher", "score", "likeness of shots with one character, by DINO"),
    Metric("text-global-clip", "higher", "score", "a scene's likeness to its global text, by CLIP"),
    Metric("text-shot-clip", "higher", "score", "a shot's likeness to its own text, by CLIP"),
    Metric("text-own-clip", "higher", "share", "shots nearest to their own text, by CLIP"),
    Metric("inter-shot-viclip", "higher", "score", "likeness of shots with one character, ViCLIP"),
    Metric("text-global-viclip", "higher", "score", "a scene's likeness to its text, by ViCLIP"),
    Metric("text-shot-viclip", "higher", "score", "a shot's likeness to its own text, by ViCLIP"),
    Metric("text-own-viclip", "higher", "share", "shots nearest to their own text, by ViCLIP"),
    Metric("flicker", "lower", "percent", "change of the first frames after a cut over the rest"),
    Metric("motion", "neither", "percent", "change from frame to frame"),
    Metric("pulse", "lower", "percent", "change into a latent's first frame over that inside"),
    Metric("inner-motion", "neither", "percent", "change between frames of one latent"),
    Metric("ragged", "lower", "percent", "how far the codec moves a shot, half a latent off"),
)
_JUDGED: tuple[tuple[str, Better, str], ...] = (
    ("said", "higher", "shots show what is said of them"),
    ("said-place", "higher", "the place is as said"),
    ("said-look", "higher", "people and animals look as said"),
    ("size", "higher", "the shot size is as said"),
    ("angle", "higher", "the camera angle is as said"),
    ("movement", "higher", "the camera moves as said"),
    ("action", "higher", "people and animals do as said"),
    ("people", "higher", "as many people as said"),
    ("leak", "lower", "shots show the camera or action that only a neighbour's text says"),
    ("leak-chance", "neither", "the same without any neighbour's doing"),
    ("binding", "higher", "of two people in a shot, each has its own look"),
    ("sides", "higher", "of two people in a shot, the one told to stand left stands left"),
    ("identity-said", "higher", "a person keeps its said looks from shot to shot"),
    ("place-unsaid", "higher", "shots agree in what nobody said of their place"),
    ("place-elsewhere", "neither", "how often shots of different films do"),
    ("identity-unsaid", "higher", "a person keeps looks nobody mentioned"),
    ("identity-other", "neither", "how often two people of a film share such looks anyway"),
    ("identity-elsewhere", "neither", "how often people of different films share them"),
    (
        "identity-margin",
        "higher",
        "a person's agreement with itself over that with others",
    ),
    ("recall", "higher", "looks nobody mentioned come back after shots without the person"),
    ("retrieval", "higher", "a film fits its own screenplay best, of 20"),
    ("said-familiar", "higher", "said, for pairs of facts that training shows together"),
    ("said-novel", "higher", "said, for pairs of facts that training never shows together"),
    ("said-trained-words", "higher", "said, for the scenes told twice: in words of training"),
    ("said-held-out-words", "higher", "said, for the scenes told twice: in words kept out"),
)
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        *_ANY,
        *(
            Metric(name, better, "score" if name == "identity-margin" else "share", about, True)
            for name, better, about in _JUDGED
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Gate:
    """What a measure has to reach."""

    name: str
    bound: Literal["min", "max"]
    value: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A gate and what was measured; None where nothing could be."""

    gate: Gate
    measure: Measure | None

    @property
    def passed(self) -> bool:
        if self.measure is None:
            return False
        if self.gate.bound == "min":
            return self.measure.value >= self.gate.value
        return self.measure.value <= self.gate.value

    def __str__(self) -> str:
        words = "below" if self.gate.bound == "min" else "above"
        got = "could not be measured" if self.measure is None else f"is {self.measure.value:.4g}"
        return f"{self.gate.name} {got}, {words} {self.gate.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table: a model, a variant, or what the judge reads from the truth."""

    title: str
    measures: Mapping[str, Measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured; gates look at the first column."""

    columns: tuple[Column, ...]
    gates: tuple[Gate, ...] = ()

    @property
    def checked(self) -> tuple[Checked, ...]:
        measures = self.columns[0].measures
        return tuple(Checked(gate, measures.get(gate.name)) for gate in self.gates)

    @property
    def missed(self) -> tuple[Checked, ...]:
        return tuple(one for one in self.checked if not one.passed)

    @property
    def names(self) -> tuple[str, ...]:
        """Measures that any column holds, in the table's order."""
        held = {name for column in self.columns for name in column.measures}
        return tuple(name for name in METRICS if name in held)

    def record(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "about": {name: METRICS[name].about for name in self.names},
            "columns": [
                {
                    "title": column.title,
                    "measures": {
                        name: asdict(column.measures[name])
                        for name in self.names
                        if name in column.measures
                    },
                }
                for column in self.columns
            ],
            "gates": [
                {
                    "name": one.gate.name,
                    one.gate.bound: one.gate.value,
                    "value": None if one.measure is None else one.measure.value,
                    "passed": one.passed,
                }
                for one in self.checked
            ],
        }


def parse_gates(minima: Sequence[str], maxima: Sequence[str], *, judged: bool) -> tuple[Gate, ...]:
    """Gates from ``NAME=VALUE``.

    Args:
        minima: Of ``--min``.
        maxima: Of ``--max``.
        judged: Whether measures of the drawn world will be there.

    Raises:
        InputError: With every gate that is none.
    """
    problems: list[Problem] = []
    gates = []
    sides: tuple[tuple[Literal["min", "max"], Sequence[str]], ...] = (
        ("min", minima),
        ("max", maxima),
    )
    for bound, texts in sides:
        for text in texts:
            try:
                gates.append(_gate(text, bound, judged))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError.of(problems)
    return tuple(gates)


def _gate(text: str, bound: Literal["min", "max"], judged: bool) -> Gate:
    name, _, number = text.partition("=")
    name = name.strip()
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.0)
        raise InputError(
            f"--{bound} {text}: there is no measure '{name}'",
            hint=f"did you mean {near[0]}? All: {', '.join(METRICS)}",
        )
    metric = METRICS[name]
    wrong = {"higher": "max", "lower": "min"}.get(metric.better)
    if bound == wrong:
        other = "max" if bound == "min" else "min"
        raise InputError(
            f"--{bound} {text}: {name} is better when {metric.better}",
            hint=f"write --{other} {text}",
        )
    if metric.judged and not judged:
        raise InputError(
            f"--{bound} {text}: {name} is read by the drawn world's judge",
            hint="it needs --suite",
        )
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not -1e9 < value < 1e9:
        raise InputError(f"--{bound} {text} gives no number", hint=f"write {name}=0.9, say")
    return Gate(name, bound, value)


def shown_value(metric: Metric, measure: Measure) -> str:
    """``0.98 [0.95, 1.00] n=40`` in the metric's unit."""
    scale, digits = {
        "share": (100.0, 1),
        "score": (1.0, 3),
        "frames": (1.0, 2),
        "cuts": (1.0, 2),
        "percent": (1.0, 2),
    }[metric.unit]
    sign = "%" if metric.unit in ("share", "percent") else ""
    text = f"{measure.value * scale:.{digits}f}{sign}"
    if measure.low is not None and measure.high is not None:
        text += f" [{measure.low * scale:.{digits}f}, {measure.high * scale:.{digits}f}]"
    count = f"{measure.hits:g} of {measure.n}" if measure.hits is not None else f"n={measure.n}"
    return f"{text} {count}"
