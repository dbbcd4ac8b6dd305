"""All that is known about one model, for ``holocine models info``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holocine_cli.console import Paint
from holocine_cli.layout import columns, sampler_told, wrapped
from holocine_cli.machine import model_record, presence
from holocine_core.api import counted, file_size

if TYPE_CHECKING:
    from holocine_core.api import ModelFile, ModelPage, ModelState

_WIDTH = 72


def info_record(state: ModelState, page: ModelPage) -> dict[str, Any]:
    """A model inside the JSON document, in full."""
    spec, words = state.spec, page.vocabulary
    return {
        **model_record(state),
        "attention": spec.attention,
        "experts": spec.experts,
        "fps": spec.fps,
        "max_frames": spec.max_frames,
        "text_tokens": spec.text_tokens,
        "weight_bytes": dict(spec.weight_bytes),
        "profiles": page.profiles,
        "taught": None if words is None else dict(words.taught),
        "word_table": "" if words is None else words.origin,
        "page": page.text,
    }


def info_page(state: ModelState, page: ModelPage, paint: Paint) -> str:
    """The same for people."""
    spec, vocabulary = state.spec, page.vocabulary
    networks = "transformer" if spec.experts == 1 else "each of 2 transformers"
    weights = [
        f"{networks if name == 'transformer' else name.replace('_', ' ')} {file_size(size)}"
        for name, size in spec.weight_bytes.items()
    ]
    facts = [
        ("state", presence(state, paint)),
        ("size", ", ".join([file_size(state.bytes), *weights])),
        ("licence", spec.licence),
        ("scenes", f"up to {spec.max_frames} frames at {spec.fps} fps, {spec.attention} attention"),
        ("prompts", f"up to {spec.text_tokens} tokens"),
    ]
    facts += [
        (
            name,
            f"{quality.width}x{quality.height}, {counted(quality.steps, 'step')}, "
            f"{sampler_told(quality.sampler, quality.eta)}, guidance {quality.guidance:g}"
            f"{_until(quality.guidance_stop)}, shift {quality.shift:g}",
        )
        for name, quality in spec.profiles.items()
    ]
    if vocabulary is not None and vocabulary.origin:
        facts.append(("word table", wrapped(f"made from {vocabulary.origin}".split(), _WIDTH)))
    if spec.note:
        facts.append(("note", wrapped(spec.note.split(), _WIDTH)))
    blocks = [[paint(state.name, bold=True), f"  {spec.summary}", *_facts(facts, paint)]]
    if vocabulary is None:
        blocks.append(["It brings no list of words: write any English."])
    else:
        known = [
            (topic, wrapped(_listed(phrases), _WIDTH))
            for topic, phrases in vocabulary.taught.items()
        ]
        blocks.append([paint("What it was taught to show", bold=True), *_facts(known, paint)])
    if page.text is not None:
        blocks.append([page.text.strip()])
    return "\n\n".join("\n".join(block) for block in blocks)


def files_record(files: Sequence[ModelFile]) -> list[dict[str, Any]]:
    """A folder's files inside the JSON document."""
    return [
        {
            "path": str(one.path),
            "shards": one.shards,
            "what": one.what,
            "parts": list(one.parts),
            "why_not": one.why,
        }
        for one in files
    ]


def files_page(files: Sequence[ModelFile], paint: Paint) -> str:
    """The same for people; empty where there are none."""
    taken = [one for one in files if one.parts]
    aside = [one for one in files if not one.parts]
    blocks = []
    for title, some in (("Its files", taken), ("Left aside", aside)):
        rows = [(paint(_file_name(one), dim=True), _file_told(one)) for one in some]
        blocks += [[paint(title, bold=True), *columns(rows)]] if rows else []
    return "\n\n".join("\n".join(block) for block in blocks)


def _file_name(one: ModelFile) -> str:
    more = f" and {one.shards - 1} more" if one.shards > 1 else ""
    return f"{one.path.name}{more}"


def _file_told(one: ModelFile) -> str:
    told = f"{one.what}: {one.why}" if one.why else f"{one.taken_for}: {one.what}"
    return wrapped(told.split(), _WIDTH)


def _until(stop: float) -> str:
    return f" until {stop:.0%}" if stop < 1 else ""


def _facts(facts: list[tuple[str, str]], paint: Paint) -> list[str]:
    return columns([(paint(name, dim=True), text) for name, text in facts])


def _listed(phrases: tuple[str, ...]) -> list[str]:
    """Phrases with commas after all but the last, none of them broken over lines."""
    return [*(f"{phrase}," for phrase in phrases[:-1]), *phrases[-1:]]
