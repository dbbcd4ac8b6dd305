"""Teach a text encoder to read captions, before anything is filmed:
``python -m holocine_core.train.reading --text DIR --out DIR``.

What a caption says of a shot is known exactly (``stage.caption.Said``), and a scene can be told in
a millisecond but takes a thousand to draw and film. So the encoder learns from captions alone which
words mean what, and whom in which shot they are said of; the transformer then has only to learn
what that looks like. A small reader asks the text that is open to a shot for every field; it is
thrown away afterwards.

Letters: B scene, S shot, L text row, D width of the text, Q field.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.errors import InputError
from holocine_core.model.parts import MissingFile, part_in_folder
from holocine_core.model.weights import load_part
from holocine_core.script.prompt import ScenePrompt, compose
from holocine_core.shoot.conditioning import ContextRows, batch_conditioning
from holocine_core.stage import world
from holocine_core.stage.caption import Said, tell
from holocine_core.stage.facts import ACTION, ANIMAL, HIDDEN, PERSON, PLACE, SHOT
from holocine_core.stage.sample import HELD_OUT_SEEDS, SHOT_WEIGHTS, sample_scene
from holocine_core.stage.world import Animal, Person, Scene
from holocine_core.tensors import write_tensors
from holocine_core.train.export import READING, TIED, told_by
from holocine_core.train.networks import EMBEDDINGS, state_of
from holocine_core.train.optim import Optimization, learning_rate
from holocine_core.train.recipe import Optimizer, Schedule
from holocine_core.vault import disk_errors, replace_folder

Tell = Callable[[str], None]

ONE: Mapping[str, Sequence[str]] = {
    **PLACE,
    **{name: SHOT[name] for name in ("size", "angle", "movement", "people")},
}
"""Fields of which a shot has one value."""
MOST_CAST = 3
"""Members of the cast in a scene of the stage."""
OF_EACH: Mapping[str, Sequence[str]] = {
    **{f"person {name}": values for name, values in PERSON.items()},
    f"person {ACTION}": world.ACTIONS,
    **{f"animal {name}": values for name, values in ANIMAL.items()},
    f"animal {ACTION}": world.ANIMAL_ACTIONS,
    "in": ("the shot",),
}
"""Fields of one member of the cast, of which a caption may say several values or none."""
SOME: Mapping[str, Sequence[str]] = {
    f"{who} {name}": values for who in range(MOST_CAST) for name, values in OF_EACH.items()
}
"""Fields of everyone: looks of the whole cast, which the global caption tells, actions of those in
the shot, and who is in it. A red coat that is nobody's is not understood."""
_ROWS = ContextRows(512, padding=False)
_TOLD_EVERY = 20.0
_LEAST = 1e-30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A run.

    Attributes:
        minutes: How long to learn.
        steps: Instead of minutes, how many steps.
        batch: Scenes in a step; all have as many shots.
        lr: Highest learning rate. At five times the usual one the attention's scores grow until
            words alone decide them and their places nothing: colours then belong to no garment.
        noise: Spread of the noise on word vectors, in theirs.
        first_seed: Of the scenes.
        seed: Of the reader, and of what is told.
        checked: Held-out scenes that reading is measured on.
        frozen: Whether the encoder stays as it is, and only the reader learns: to measure one.
    """

    minutes: float = 8.0
    steps: int | None = None
    batch: int = 16
    lr: float = 0.002
    noise: float = 0.3
    first_seed: int = 10**8
    seed: int = 0
    checked: int = 256
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Captions with what they say.

    Attributes:
        prompts: One per scene.
        shots: Of every scene.
        one_BSQ: Number of the value said of each field of ``ONE``, or HIDDEN.
        some_BSV: 1 for every value said of the fields of ``SOME``, which follow each other.
    """

    prompts: tuple[ScenePrompt, ...]
    shots: int
    one_BSQ: Tensor
    some_BSV: Tensor


def page(seeds: Sequence[int], shots: int, *key: object, held_out: bool = False) -> Page:
    """Scenes of so many shots, told.

    Args:
        seeds: Of the scenes.
        shots: Of each.
        key: Decides, with the seed, what is told and how.
        held_out: Whether to use the words kept out of training.
    """
    prompts, ones, somes = [], [], []
    for seed in seeds:
        scene = sample_scene(seed, (3,) * shots)
        words = " ".join(map(str, ("reading", *key, seed)))
        telling = tell(scene, random.Random(words), held_out=held_out)
        prompts.append(compose(telling.screenplay, telling.screenplay.scenes[0]))
        said = [_said_of(scene, telling.said, shot) for shot in range(shots)]
        ones.append([one for one, _ in said])
        somes.append([some for _, some in said])
    return Page(
        prompts=tuple(prompts),
        shots=shots,
        one_BSQ=torch.tensor(ones),
        some_BSV=torch.tensor(somes, dtype=torch.float32),
    )


def _said_of(scene: Scene, said: Said, number: int) -> tuple[list[int], list[float]]:
    shot = scene.shots[number]
    people = sum(isinstance(scene.cast[role.who], Person) for role in shot.roles)
    true = {name: str(getattr(scene.place, name)) for name in said.place}
    true |= {name: str(getattr(shot, name)) for name in said.shots[number] if name in ONE}
    true["people"] = str(people)
    one = [values.index(true[n]) if n in true else HIDDEN for n, values in ONE.items()]
    some: dict[str, set[str]] = {name: set() for name in SOME}
    # Captions number those who are seen.
    seen = sorted({role.who for each in scene.shots for role in each.roles})
    for number_of, who in enumerate(seen):
        for name in said.cast[who]:
            value = str(getattr(scene.cast[who], name))
            some[f"{number_of} {_kind(scene.cast[who])} {name}"].add(value)
    for role in shot.roles:
        number_of = seen.index(role.who)
        some[f"{number_of} in"].add("the shot")
        if f"{ACTION}:{role.who}" in said.shots[number]:
            some[f"{number_of} {_kind(scene.cast[role.who])} {ACTION}"].add(role.action)
    return one, [float(v in some[name]) for name, values in SOME.items() for v in values]


def _kind(member: Person | Animal) -> str:
    return "person" if isinstance(member, Person) else "animal"


class Reader(nn.Module):
    """Text rows -> what they say of each shot: every row answers for itself, and the loudest of
    those that a shot reads is heard. So facts come to stand in the rows of the words that say them,
    where cross-attention looks for them.

    Args:
        width: Of the text.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ones = nn.Linear(width, sum(map(len, ONE.values())))
        self.somes = nn.Linear(width, sum(map(len, SOME.values())))
        # Most rows say nothing of most things.
        nn.init.constant_(self.somes.bias, -7.0)

    def forward(self, text_BLD: Tensor, open_BSL: Tensor) -> tuple[list[Tensor], Tensor]:
        """Logits of every field of ``ONE`` [B, S, values], and of ``SOME`` [B, S, V].

        Args:
            text_BLD: Encoded captions.
            open_BSL: Which rows each shot reads.
        """
        rows = self.norm(text_BLD)
        said = torch.cat([self.ones(rows), self.somes(rows)], dim=-1)
        # A logsumexp over the rows of every shot, as one product.
        most = said.detach().amax(dim=1, keepdim=True)
        loud = open_BSL.to(said.dtype) @ (said - most).exp()
        heard = loud.clamp_min(_LEAST).log() + most
        known = [len(values) for values in ONE.values()]
        return list(torch.split(heard[..., : sum(known)], known, dim=-1)), heard[..., sum(known) :]


def read_page(
    encoder: Any, tokenizer: Any, reader: Reader, text: Page
) -> tuple[list[Tensor], Tensor]:
    """The reader's logits for a page."""
    encoded = batch_conditioning(text.prompts, text.shots, tokenizer, encoder, _ROWS)
    rows = torch.zeros(len(text.prompts), text.shots, encoded.text_BLD.shape[1], dtype=torch.bool)
    for item, windows in enumerate(encoded.windows):
        for shot, window in enumerate(windows):
            rows[item, shot, list(set(window))] = True
    logits: tuple[list[Tensor], Tensor] = reader(encoded.text_BLD, rows)
    return logits


def loss_of(one: Sequence[Tensor], some: Tensor, text: Page) -> Tensor:
    """Cross-entropy of everything said, per shot."""
    total = F.binary_cross_entropy_with_logits(some, text.some_BSV, reduction="sum")
    for column, logits in enumerate(one):
        wanted = text.one_BSQ[:, :, column]
        total = total + F.cross_entropy(
            logits.flatten(0, 1), wanted.flatten(), ignore_index=HIDDEN, reduction="sum"
        )
    return total / text.one_BSQ.shape[:2].numel()


def learn(encoder: Any, tokenizer: Any, settings: Settings, tell: Tell) -> Reader:
    """Train an encoder, its word vectors left as they are, or only the reader that is to read it;
    the reader."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        reader = Reader(encoder.config.d_model)
    trained = {f"reader.{name}": parameter for name, parameter in reader.named_parameters()}
    if not settings.frozen:
        parameters = encoder.named_parameters()
        trained |= {f"text_encoder.{n}": p for n, p in parameters if n not in EMBEDDINGS}
    for parameter in trained.values():
        parameter.requires_grad_(True)
    optimization = Optimization(trained, Optimizer(lr=settings.lr))
    rng = random.Random(f"reading {settings.seed}")

    def draw(step: int) -> Page:
        shots = rng.choices(range(1, len(SHOT_WEIGHTS) + 1), SHOT_WEIGHTS)[0]
        first = settings.first_seed + step * settings.batch
        return page(range(first, first + settings.batch), shots, settings.seed)

    # Words that were never trained on lie near those that were; so the encoder has to bear that.
    spread = settings.noise * float(encoder.shared.weight.detach().std())
    blur = encoder.shared.register_forward_hook(
        lambda module, given, out: out + spread * torch.randn_like(out)
    )
    began = told = time.monotonic()
    step, seconds = 0, 60 * settings.minutes
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(draw, 0)

        def done() -> float:
            """How much of the learning is done, 0..1."""
            if settings.steps is not None:
                return step / settings.steps
            return (time.monotonic() - began) / seconds

        while (part := done()) < 1:
            text = coming.result()
            coming = pool.submit(draw, step + 1)
            loss = loss_of(*read_page(encoder, tokenizer, reader, text), text)
            torch.autograd.backward(loss)
            rate = learning_rate(int(1000 * part), 1000, settings.lr, Schedule(warm_up=20))
            optimization.step(rate)
            step += 1
            if time.monotonic() - told > _TOLD_EVERY:
                told = time.monotonic()
                tell(f"step {step}, {part:.0%} of the time, loss {loss.item():.3f}")
    blur.remove()
    tell(f"{step * settings.batch} scenes read")
    return reader


@torch.no_grad()
def measure(
    encoder: Any, tokenizer: Any, reader: Reader, scenes: int, *, held_out: bool
) -> dict[str, float]:
    """How held-out captions are read: of all that is said, the share that is understood; and of all
    looks and actions that are understood, the share that is said."""
    right = said = found = true = 0.0
    for first in range(0, scenes, 16):
        shots = 1 + first // 16 % len(SHOT_WEIGHTS)
        seeds = range(HELD_OUT_SEEDS + first, HELD_OUT_SEEDS + first + 16)
        text = page(seeds, shots, "held out", held_out=held_out)
        one, some = read_page(encoder, tokenizer, reader, text)
        for column, logits in enumerate(one):
            wanted = text.one_BSQ[:, :, column]
            right += float((logits.argmax(-1) == wanted)[wanted != HIDDEN].sum())
            said += float((wanted != HIDDEN).sum())
        yes = some > 0
        both = float((yes & (text.some_BSV > 0)).sum())
        right, said = right + both, said + float(text.some_BSV.sum())
        true, found = true + both, found + float(yes.sum())
    return {"understood": round(right / said, 4), "said": round(true / max(found, 1.0), 4)}


def teach(text: Path, out: Path, settings: Settings, tell: Tell) -> dict[str, dict[str, float]]:
    """Train the encoder of a folder and write it, beside its tokenizer, to another.

    Raises:
        InputError: There is no text encoder in the folder.
        MachineError: The disk is full.
    """
    from tokenizers import Tokenizer

    part = part_in_folder(
        text / "text_encoder", "text_encoder", hint="see holocine_core.train.vectors"
    )
    if isinstance(part, MissingFile):
        raise InputError("there is no text encoder", where=str(part.path), hint=part.hint)
    encoder = load_part(part, torch.float32)
    for parameter in encoder.parameters():
        # What was loaded still lies in its file.
        parameter.data = parameter.data.clone()
    tokenizer = Tokenizer.from_file(str(text / "tokenizer" / "tokenizer.json"))
    reader = learn(encoder, tokenizer, settings, tell)
    measured = {
        name: measure(encoder, tokenizer, reader, settings.checked, held_out=held_out)
        for name, held_out in (("trained words", False), ("held-out words", True))
    }
    half = out.with_name(f".{out.name}.part")
    with disk_errors("write the text encoder", out):
        shutil.rmtree(half, ignore_errors=True)
        half.parent.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer", "text_encoder"):
            shutil.copytree(text / name, half / name)
        for old in (half / "text_encoder").glob("*.safetensors*"):
            old.unlink()
        state = {name: value for name, value in state_of(encoder).items() if name != TIED}
        told = told_by(text / "text_encoder")
        run = {**asdict(settings), "measured": measured}
        told[READING] = json.dumps([*json.loads(told.get(READING, "[]")), run])
        write_tensors(half / "text_encoder" / "model.safetensors", state, told)
        replace_folder(half, out)
    tell(json.dumps(measured))
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure and write a text encoder."""
    parser = argparse.ArgumentParser(prog="python -m holocine_core.train.reading")
    parser.add_argument(
        "--text", type=Path, required=True, help="with tokenizer/ and text_encoder/"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="how long to learn")
    parser.add_argument("--seed", type=int, default=Settings.seed, help="of reader and captions")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings(minutes=given.minutes, seed=given.seed)
    teach(given.text, given.out, settings, logging.getLogger("reading").info)


if __name__ == "__main__":
    main()
