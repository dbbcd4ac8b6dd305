"""Teach a text encoder to read captions, before anything is filmed:
``holocine lab encoder --text DIR --out DIR``.

What a caption says of a shot is known exactly (``stage.caption.Said``), and a scene can be told in
a millisecond but takes a thousand to draw and film. So the encoder learns from captions alone which
words mean what, and whom in which shot they are said of; the transformer then has only to learn
what that looks like. A small reader asks the text that is open to a shot for every field; it is
thrown away afterwards.

Letters: B scene, S shot, L text row, D width of the text, Q field.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.errors import InputError
from holocine_core.lab.stage.facts import HIDDEN
from holocine_core.lab.stage.sample import HELD_OUT_SEEDS, SHOT_WEIGHTS
from holocine_core.lab.stage.world import CASTS, Repertoire
from holocine_core.lab.words.pages import ONE, SIDE, SOME, Page, page
from holocine_core.model.components import MissingFile, part_in_folder
from holocine_core.model.pipeline import TIED
from holocine_core.model.weights import load_component
from holocine_core.sample.conditioning import ContextRows, batch_conditioning
from holocine_core.store.files import replace_folder
from holocine_core.store.tensors import write_tensors
from holocine_core.store.vault import disk_errors
from holocine_core.train.export import READING, told_by
from holocine_core.train.networks import EMBEDDINGS, state_of
from holocine_core.train.optim import Optimization, learning_rate
from holocine_core.train.recipe import Optimizer, Schedule

Tell = Callable[[str], None]

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
        keep: Weight of what rows have moved from where the encoder had them, in variances of its
            rows: for one that a transformer has learned to be told by.
        casts: Who plays in the scenes that are read.
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
    keep: float = 0.0
    casts: tuple[str, ...] = CASTS


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


def rows_of(encoder: Any, tokenizer: Any, text: Page) -> tuple[Tensor, Tensor]:
    """A page's encoded captions [B, L, D], and which rows each shot reads [B, S, L]."""
    encoded = batch_conditioning(text.prompts, text.shots, tokenizer, encoder, _ROWS)
    rows = torch.zeros(len(text.prompts), text.shots, encoded.text_BLD.shape[1], dtype=torch.bool)
    for item, windows in enumerate(encoded.windows):
        for shot, window in enumerate(windows):
            rows[item, shot, list(set(window))] = True
    return encoded.text_BLD, rows


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
    before = copy.deepcopy(encoder).requires_grad_(False)
    rng = random.Random(f"reading {settings.seed}")
    world = Repertoire(casts=settings.casts)

    def draw(step: int) -> Page:
        shots = rng.choices(range(1, len(SHOT_WEIGHTS) + 1), SHOT_WEIGHTS)[0]
        first = settings.first_seed + step * settings.batch
        return page(range(first, first + settings.batch), shots, settings.seed, within=world)

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
            rows_BLD, open_BSL = rows_of(encoder, tokenizer, text)
            one, some = reader(rows_BLD, open_BSL)
            loss = loss_of(one, some, text)
            if settings.keep:
                with torch.no_grad():
                    before_BLD, _ = rows_of(before, tokenizer, text)
                moved = F.mse_loss(rows_BLD, before_BLD) / before_BLD.var()
                loss = loss + settings.keep * moved
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
    looks and actions that are understood, the share that is said; of two in a shot, the share whose
    side is found."""
    right = said = found = true = 0.0
    sides: list[Tensor] = []
    for first in range(0, scenes, 16):
        shots = 1 + first // 16 % len(SHOT_WEIGHTS)
        seeds = range(HELD_OUT_SEEDS + first, HELD_OUT_SEEDS + first + 16)
        text = page(seeds, shots, "held out", held_out=held_out)
        one, some = reader(*rows_of(encoder, tokenizer, text))
        for column, logits in enumerate(one):
            wanted = text.one_BSQ[:, :, column]
            right += float((logits.argmax(-1) == wanted)[wanted != HIDDEN].sum())
            said += float((wanted != HIDDEN).sum())
        yes = some > 0
        both = float((yes & (text.some_BSV > 0)).sum())
        right, said = right + both, said + float(text.some_BSV.sum())
        true, found = true + both, found + float(yes.sum())
        sides.append(_sides_right(some, text))
    return {
        "understood": round(right / said, 4),
        "said": round(true / max(found, 1.0), 4),
        "sides": round(float(torch.cat(sides).mean()), 4),
    }


def _sides_right(some: Tensor, text: Page) -> Tensor:
    """Of everyone who shares a shot, whether the reader finds the side."""
    names = [name for name, values in SOME.items() for _ in values]
    left = [column for column, name in enumerate(names) if name.endswith(SIDE)][::2]
    right = [column + 1 for column in left]
    sided = text.some_BSV[..., left] + text.some_BSV[..., right] > 0
    found = some[..., left] > some[..., right]
    return (found == (text.some_BSV[..., left] > 0))[sided].float()


def teach(text: Path, out: Path, settings: Settings, tell: Tell) -> dict[str, dict[str, float]]:
    """Train the encoder of a folder and write it, beside its tokenizer, to another.

    Raises:
        InputError: There is no text encoder in the folder.
        MachineError: The disk is full.
    """
    from tokenizers import Tokenizer

    part = part_in_folder(
        text / "text_encoder", "text_encoder", hint="make one: holocine lab vectors"
    )
    if isinstance(part, MissingFile):
        raise InputError("there is no text encoder", where=str(part.path), hint=part.hint)
    encoder = load_component(part, torch.float32)
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
