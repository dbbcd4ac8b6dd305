"""Altered weight files, configs and tokenizers through all that opens a model: every one an answer.

python -m benchmarks.altered [--count 2000] [--first 0] [--only nano]

Every alteration is a file of a whole model, in turn: of a pipeline, of the embedded model, of a
release tree with GGUF and pickles, of a folder of files under names of their own, a LoRA. Each is
asked for in a process of its own: `models info`, `models verify`, `plan`, and the opening of its
weights. What counts is the exit code, and whether an error's message or place names the file by its
path in the model.

What is taken (exit 0) is counted by what was altered, and headers and JSON that everything took
with no word are listed: many an altered value changes nothing, and of a weight's value only a lock
file knows.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.quick import parsed
from holocine_cli.app import main as holocine
from holocine_cli.contract import ExitCode, code_of
from holocine_core.errors import HolocineError, problems_of
from tests.altered_files import altered, difference, kind_of

FILM = "global: A lighthouse.\nseconds: 2\nshots: [A lamp is lit., The lamp goes out.]\n"
PATIENCE = 60
"""Seconds that one alteration may take."""
LISTED = ("JSON", "a header")
"""Kinds of which it is worth knowing what was taken with no word."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A model that is whole: its folder, and which of its files are altered; or a LoRA and the
    model it is for."""

    name: str
    folder: Path
    files: tuple[Path, ...]
    lora: Path | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What one command answered."""

    asked: str
    code: int
    text: str
    names_it: bool
    """Whether the altered file is named, by its path in the model."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", help="of these models one: pipeline, nano, release, own, lora")
    options = parsed(parser, count=12)
    counted: collections.Counter[tuple[str, str, int]] = collections.Counter()
    kinds: collections.Counter[tuple[str, str, bool]] = collections.Counter()
    faults: list[str] = []
    silent: list[str] = []
    taken: list[str] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        models = [one for one in wholes(Path(scratch)) if options.only in (None, one.name)]
        for number in range(options.first, options.first + options.count):
            whole = models[number % len(models)]
            path = whole.files[number // len(models) % len(whole.files)]
            content = altered(path, number)
            said = answers(whole, path, content, Path(scratch) / "altered")
            at = f"{number}: {whole.name} {named(whole, path)}"
            for one in said:
                counted[whole.name, one.asked, one.code] += 1
                told = f"{at}, {one.asked}: {one.code} {one.text}"
                if one.code not in (ExitCode.DONE, ExitCode.INPUT, ExitCode.MACHINE):
                    faults.append(told)
                elif one.code and not one.names_it:
                    silent.append(told)
            kind, of_all = kind_of(path, content), all(one.code == 0 for one in said)
            kinds[whole.name, kind, of_all] += 1
            if of_all and kind in LISTED:
                taken.append(f"{at}, {kind}: {difference(path, content)}")
    print(f"# {machine()}")
    print(f"# {options.count} alterations in {time.perf_counter() - started:.0f} s\n")
    print(table(counted))
    print(f"\n{table_of_kinds(kinds)}")
    for title, lines, most in (
        (f"faults: exit 1, a signal, or longer than {PATIENCE} s", faults, 40),
        ("errors that do not name the file", silent, 20),
        ("headers and JSON taken with no word", taken, 40),
    ):
        print(f"\n{len(lines)} {title}")
        for line in lines[:most]:
            print(" ", line)
    sys.exit(bool(faults or silent))


def table(counted: collections.Counter[tuple[str, str, int]]) -> str:
    """By model and question: how many were taken, or ended with which code."""
    codes = sorted({code for *_, code in counted})
    rows = dict.fromkeys((name, asked) for name, asked, _ in counted)
    titles = [f"exit {code}" if code else "taken" for code in codes]
    lines = [f"| model | asked | {' | '.join(titles)} |"]
    lines.append("|---|---|" + "---|" * len(codes))
    for name, asked in rows:
        cells = " | ".join(str(counted[name, asked, code]) for code in codes)
        lines.append(f"| {name} | {asked} | {cells} |")
    return "\n".join(lines)


def table_of_kinds(kinds: collections.Counter[tuple[str, str, bool]]) -> str:
    """By model and what was altered: how many everything took, and how many something refused."""
    rows = sorted({(name, kind) for name, kind, _ in kinds})
    lines = ["| model | altered | taken by all | refused |", "|---|---|---|---|"]
    for name, kind in rows:
        cells = f"{kinds[name, kind, True]} | {kinds[name, kind, False]}"
        lines.append(f"| {name} | {kind} | {cells} |")
    return "\n".join(lines)


def wholes(scratch: Path) -> Iterator[Whole]:
    """Models that are whole, written below a folder."""
    from holocine_core.model.spec import MODELS, __file__
    from holocine_core.model.tiny import write_tiny
    from tests.model.checkpoints import scatter

    pipeline = scratch / "pipeline"
    write_tiny(pipeline)
    yield Whole("pipeline", pipeline, _files(pipeline))
    nano = Path(__file__).parent / MODELS["nano"].embedded
    yield Whole("nano", nano, _files(nano))
    release = scratch / "release"
    _write_release(release)
    yield Whole("release", release, _files(release))
    own = scatter(pipeline, scratch / "own")
    _bring_tokenizer(own / "text_encoders")
    yield Whole("own", own, _files(own))
    lora = scratch / "lora" / "look.safetensors"
    _write_lora(lora)
    yield Whole("lora", pipeline, (lora,), lora)


def _bring_tokenizer(home: Path) -> None:
    """Put a tokenizer into a text encoder's file, in place of the one beside it."""
    import torch
    from safetensors.torch import load_file, save_file

    from tests.model.layouts import spiece

    (path,) = home.glob("*.safetensors")
    weights = load_file(path)
    save_file({**weights, "spiece_model": torch.tensor(list(spiece())).byte()}, path)
    (home / "tokenizer.json").unlink()


def _files(folder: Path) -> tuple[Path, ...]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    unread = {"scheduler_config.json", "tokenizer_config.json", "measured.json"}
    return tuple(path for path in found if path.name not in unread)


def _write_release(root: Path) -> None:
    """With GGUF for one expert, safetensors for the other, and the codec as a pickle."""
    from tests.model.checkpoints import golden_state, with_original_vae, write_gguf, write_release

    write_release(root)
    home = root / "HoloCine_dit" / "full"
    (home / "full_high_noise.safetensors").unlink()
    write_gguf(golden_state(), home / "full_high_noise.gguf")
    with_original_vae(root)


def _write_lora(path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from holocine_core.model.tiny import TINY_SHAPE

    width, rank = TINY_SHAPE.width, 4
    tensors = {}
    for name in ("attn1.to_q", "attn1.to_v", "attn2.to_k"):
        layer = f"transformer.blocks.0.{name}"
        tensors[f"{layer}.lora_A.weight"] = torch.randn(rank, width)
        tensors[f"{layer}.lora_B.weight"] = torch.randn(width, rank)
        tensors[f"{layer}.alpha"] = torch.tensor(float(rank))
    path.parent.mkdir()
    settings = json.dumps({"transformer.r": rank, "transformer.lora_alpha": rank})
    save_file(tensors, path, metadata={"lora_adapter_metadata": settings})


def named(whole: Whole, path: Path) -> str:
    """What an error calls a file at least: its path in the model, for names come in several
    folders."""
    return path.name if whole.lora else str(path.relative_to(whole.folder))


def answers(whole: Whole, path: Path, content: bytes, folder: Path) -> list[Said]:
    """What everything that opens a model says of one with this file altered; from a process of
    its own, which may hang or be killed."""
    if whole.lora is None:
        mirrored(whole.folder, folder)
        target = folder / path.relative_to(whole.folder)
        target.unlink()
        asked = questions(folder, folder.parent)
    else:
        folder.mkdir()
        target = folder / path.name
        asked = lora_questions(whole.folder, target, folder.parent)
    target.write_bytes(content)
    file = named(whole, path)
    try:
        return apart(lambda: [answered(name, ask, file) for name, ask in asked.items()])
    finally:
        shutil.rmtree(folder)


def mirrored(folder: Path, copy: Path) -> None:
    """A folder of links to another's files."""
    for path in sorted(folder.rglob("*")):
        place = copy / path.relative_to(folder)
        if path.is_dir():
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path.resolve())


TELLING = ("message", "where")
"""Keys of an error that say what is wrong with what."""
Ask = Callable[[], tuple[int, str, list[str]]]


def questions(model: Path, scratch: Path) -> dict[str, Ask]:
    """All that opens a model."""
    film = scratch / "film.yaml"
    film.write_text(FILM)
    plan = ["plan", str(film), "--model", str(model), "-o", str(scratch / "film.mp4")]
    return {
        "info": lambda: commanded(["models", "info", str(model)]),
        "verify": lambda: commanded(["models", "verify", str(model)]),
        "plan": lambda: commanded(plan),
        "open": lambda: opened(model),
    }


def lora_questions(model: Path, lora: Path, scratch: Path) -> dict[str, Ask]:
    """All that opens a LoRA."""
    film = scratch / "film.yaml"
    film.write_text(FILM)
    plan = ["plan", str(film), "--model", str(model), "-o", str(scratch / "film.mp4")]
    return {
        "plan": lambda: commanded([*plan, "--lora", str(lora)]),
        "open": lambda: applied(model, lora),
    }


def commanded(words: list[str]) -> tuple[int, str, list[str]]:
    """A command of ours: its code, its message, and the messages and places of its errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = holocine([*words, "--json"])
    error = (json.loads(out.getvalue()) if out.getvalue() else {}).get("error") or {}
    told = [one.get(key) or "" for one in (error, *error.get("problems", ())) for key in TELLING]
    return code, f"{error.get('message')} ({error.get('where')})", told


def opened(model: Path) -> tuple[int, str, list[str]]:
    """Every network of a model and its tokenizer, as a render opens them."""
    import torch

    from holocine_core.model.locate import find_model, load_tokenizer
    from holocine_core.model.weights import load_component

    def ask() -> None:
        located = find_model(str(model))
        located.require()
        load_tokenizer(located).encode("A lighthouse.")
        for name, part in located.components.items():
            if name != "tokenizer":
                load_component(part, torch.bfloat16)
                if part.form == "diffusers":
                    load_component(part, torch.float32, read_only=True)

    return asked_of(ask)


def applied(model: Path, lora: Path) -> tuple[int, str, list[str]]:
    """A LoRA, as a render applies it."""
    import torch

    from holocine_core.model.locate import find_model
    from holocine_core.model.lora.apply import apply_loras
    from holocine_core.model.lora.file import LoraFile, check_lora_files
    from holocine_core.model.weights import load_component

    def ask() -> None:
        one = LoraFile(path=lora, weight=1.0, expert="both")
        check_lora_files([one], experts=2)
        network = load_component(find_model(str(model)).component("transformer"), torch.float32)
        apply_loras(network, "transformer", [one])

    return asked_of(ask)


def asked_of(ask: Callable[[], object]) -> tuple[int, str, list[str]]:
    try:
        ask()
    except HolocineError as error:
        told = [text for one in problems_of(error) for text in (one.message, one.where)]
        return int(code_of(error)), f"{error.message} ({error.where})", told
    return 0, "", []


def answered(name: str, ask: Ask, file: str) -> Said:
    """One answer; whatever is raised beside our errors is exit 1."""
    try:
        code, text, told = ask()
    except BaseException as error:  # A panic of a library in Rust is no Exception.
        return Said(name, 1, f"{type(error).__name__}: {str(error)[:200]}", False)
    return Said(name, int(code), text[:200], any(file in one for one in told))


def apart(work: Callable[[], list[Said]]) -> list[Said]:
    """What a function says in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        raw = pipe.read()
    _, status = os.waitpid(child, 0)
    said = [Said(**one) for one in json.loads(raw)] if raw else []
    code = os.waitstatus_to_exitcode(status)
    if code or not said:
        said.append(Said("all", code or 1, "the process was killed or ran too long", False))
    return said


def _child(work: Callable[[], list[Said]], writing: int) -> None:
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE)
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    try:
        said: list[dict[str, Any]] = [
            {name: getattr(one, name) for name in Said.__slots__} for one in work()
        ]
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(said).encode())
        os._exit(0)
    finally:
        os._exit(99)


if __name__ == "__main__":
    main()
