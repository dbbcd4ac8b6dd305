"""The judge: a small network that reads the drawn world's truth back from a shot's frames.

Letters: B shot, N frame looked at, C channel, H W rows and columns, D width of a token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.edit.ffmpeg import Frames
from holocine_core.errors import InputError, MachineError
from holocine_core.lab.judge.reading import Reading
from holocine_core.lab.stage import world
from holocine_core.lab.stage.facts import ACTION, ANIMAL, FIELDS, PEOPLE, PERSON, PLACE, SHOT
from holocine_core.store.files import parse_json, read_small
from holocine_core.store.tensors import write_tensors

SIZE = (96, 160)
"""Rows and columns the network sees; other frames are resized."""
LOOKS = 4
SHIPPED = Path(__file__).parent
"""Where the trained judge lies."""
WEIGHTS, CONFIG = "model.safetensors", "config.json"
FORMAT = 2
"""Of the folder: fields, network and the way frames are picked."""
_CELL = 4
_WIDTHS = (64, 96, 160)
_HEADS, _LAYERS = 4, 2
_AT_ONCE = 16


def looks(frames: int) -> tuple[int, int, int, int]:
    """Which frames of a shot are looked at: two early ones and two late ones.

    A pair tells how things move, the way from pair to pair what has changed; ends are left out,
    since a cut may come a frame early or late.
    """
    last = frames - 1
    early, late = round(0.15 * last), round(0.85 * last)
    step = min(2, max(0, late - early) // 2)
    return early, early + step, late - step, late


class _Block(nn.Module):
    """Two convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(width, width), _convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))


class Network(nn.Module):
    """Frames [B, N, 3, H, W] in 0..1 -> logits of every field [B, values]."""

    def __init__(self) -> None:
        super().__init__()
        small, middle, wide = _WIDTHS
        self.trunk = nn.Sequential(
            # A fourth channel: what has changed since the frame before.
            _convolution(4 * _CELL**2, small), nn.ReLU(), _convolution(small, small), nn.ReLU(),
            _convolution(small, middle, 2), nn.ReLU(), _Block(middle),
            _convolution(middle, wide, 2), nn.ReLU(), _Block(wide),
        )  # fmt: skip
        rows, columns = (side // (_CELL * 4) for side in SIZE)
        self.place_code = nn.Parameter(torch.randn(1, 1, rows * columns, wide) * 0.02)
        self.frame_code = nn.Parameter(torch.randn(1, LOOKS, 1, wide) * 0.02)
        self.questions = nn.Parameter(torch.randn(1, 5, wide) * 0.02)
        """Place, shot, left person, right person, animal."""
        layer = nn.TransformerEncoderLayer(
            wide, _HEADS, 2 * wide, dropout=0.0, batch_first=True, norm_first=True
        )
        self.reader = nn.TransformerEncoder(
            layer, _LAYERS, norm=nn.LayerNorm(wide), enable_nested_tensor=False
        )
        self.place, self.shot = _answers(wide, PLACE), _answers(wide, SHOT)
        self.person = _answers(wide, {**PERSON, ACTION: world.ACTIONS})
        self.animal = _answers(wide, {**ANIMAL, ACTION: world.ANIMAL_ACTIONS})

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        batch, count = frames.shape[:2]
        grey = frames.mean(2, keepdim=True)
        change = grey - torch.cat([grey[:, :1], grey[:, :-1]], 1)
        x = torch.cat([frames - 0.5, 4 * change], 2).flatten(0, 1)
        x = self.trunk(F.pixel_unshuffle(x, _CELL).contiguous(memory_format=torch.channels_last))
        tokens = x.flatten(2).transpose(1, 2).unflatten(0, (batch, count))
        tokens = (tokens + self.place_code + self.frame_code).flatten(1, 2)
        asked = self.questions.expand(batch, -1, -1)
        read = self.reader(torch.cat([asked, tokens], 1))[:, : asked.shape[1]].unbind(1)
        found = dict(_named("", self.place, read[0])) | dict(_named("", self.shot, read[1]))
        for slot, part in zip(PEOPLE, read[2:4], strict=True):
            found |= _named(f"{slot}.", self.person, part)
        return found | dict(_named("animal.", self.animal, read[4]))


def _answers(width: int, fields: Mapping[str, Sequence[str]]) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(width, len(values)) for name, values in fields.items()})


def _named(prefix: str, answers: nn.ModuleDict, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    for name, answer in answers.items():
        yield prefix + name, answer(x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How well a judge reads each field, on drawn shots it never saw.

    Attributes:
        accuracy: Of every field and picture size (``size/field``), where it is in view.
        least: Fields read worse than this are not asked for.
        within: What of the drawn world it learned to read.
    """

    accuracy: Mapping[str, float]
    least: float
    within: world.Repertoire = world.EVERYTHING

    def reads(self, name: str, size: str) -> bool:
        """Whether a field can be believed in shots of a size."""
        return self.accuracy.get(f"{size}/{name}", 0.0) >= self.least


class TrainedJudge:
    """Reads shots with a trained network; see ``load_judge``."""

    def __init__(self, network: Network, trust: Trust, identity: str, device: str = "cpu") -> None:
        self.trust = trust
        self.identity = identity
        """Content hash of its weights: reports name who judged."""
        self._network = network.eval().to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, shots: Sequence[Frames]) -> list[Reading]:
        readings: list[Reading] = []
        for start in range(0, len(shots), _AT_ONCE):
            frames = torch.stack([looked_at(shot) for shot in shots[start:][:_AT_ONCE]])
            logits = self._network(frames.to(self._device))
            shares = {
                name: values.float().softmax(1).cpu().numpy() for name, values in logits.items()
            }
            readings += [
                Reading({name: shares[name][i] for name in FIELDS}) for i in range(len(frames))
            ]
        return readings


def looked_at(shot: Frames) -> Tensor:
    """The frames of a shot that a judge sees, [N, 3, H, W] in 0..1."""
    picked = np.ascontiguousarray(shot[list(looks(len(shot)))])
    pixels = torch.from_numpy(picked).permute(0, 3, 1, 2).float() / 255
    if tuple(pixels.shape[2:]) == SIZE:
        return pixels
    return F.interpolate(pixels, SIZE, mode="bilinear", antialias=True)


def in_half(network: Network) -> dict[str, Tensor]:
    """A network's numbers as they are kept: bfloat16 where they are not counts."""
    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    return {n: t.bfloat16() if t.is_floating_point() else t for n, t in state.items()}


def save_judge(folder: Path, network: Network, config: Mapping[str, Any]) -> None:
    """Write weights in bfloat16 and what is known about them; unless that says otherwise, the judge
    knows all of the drawn world."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, in_half(network))
    whole = {
        "format": FORMAT,
        "fields": dict(FIELDS),
        "within": asdict(world.EVERYTHING),
        **config,
    }
    (folder / CONFIG).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def weights_of(folder: Path) -> dict[str, Tensor]:
    """A saved judge's numbers in float32.

    Raises:
        InputError: There is none in the folder.
    """
    if not (folder / WEIGHTS).is_file():
        raise InputError(
            "there is no judge",
            where=str(folder / WEIGHTS),
            hint="train one: holocine lab judge --out DIR",
        )
    return {
        n: t.float() if t.is_floating_point() else t for n, t in load_file(folder / WEIGHTS).items()
    }


def load_judge(
    folder: Path = SHIPPED, device: str = "cpu", asked: world.Repertoire | None = None
) -> TrainedJudge:
    """A trained judge.

    Args:
        folder: What ``save_judge`` wrote.
        device: Where it reads.
        asked: What scenes it is to read may show; not looked at if not given.

    Raises:
        InputError: There is none in the folder, or it has not learned all that it is asked for.
        MachineError: It belongs to another version of the drawn world, or is damaged.
    """
    weights, path = folder / WEIGHTS, folder / CONFIG
    if not weights.is_file() or not path.is_file():
        raise InputError(
            "there is no judge",
            where=str(folder),
            hint="train one: holocine lab judge --out DIR",
        )
    from holocine_core.model.headers import content_hash

    network = Network()
    try:
        config = parse_json(read_small(path))
        known = {name: tuple(values) for name, values in config["fields"].items()}
        learned = {name: tuple(values) for name, values in config["within"].items()}
        trust = Trust(
            accuracy=config["accuracy"],
            least=config["least"],
            within=world.Repertoire(**learned),
        )
        if config["format"] != FORMAT or known != dict(FIELDS):
            raise ValueError("it reads another version of the drawn world")
        network.load_state_dict(load_file(weights))
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise MachineError(
            f"the judge cannot be used: {reason}",
            where=str(folder),
            hint="train it again: holocine lab judge --out DIR",
        ) from error
    if asked is not None and (unknown := asked.beyond(trust.within)):
        raise InputError(
            f"the judge never learned to read: {', '.join(unknown)}",
            where=str(folder),
            hint="train one for this model: holocine lab judge --model MODEL --out DIR",
        )
    return TrainedJudge(network, trust, content_hash(weights), device)
