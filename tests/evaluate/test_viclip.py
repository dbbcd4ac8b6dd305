"""ViCLIP's published weights give the features that they were published for."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from holocine_core.errors import InputError, MachineError
from holocine_core.evaluate.features import Eyes, eyes
from holocine_core.evaluate.observe import observe
from holocine_core.evaluate.screening import Screened
from holocine_core.evaluate.viclip import MERGES, ViClip
from holocine_core.script.timeline import FrameSpan

FRAMES, SIDE, PATCH, WIDTH, WORDS, LONGEST, COMMON = 8, 28, 14, 128, 516, 32, 24
WEIGHTS = "ViClip-small.pth"


class Block(nn.Module):
    """A layer as the release has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // 64, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)}
        )

    def forward(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        near = self.ln_1(rows)
        rows = rows + self.attn(near, near, near, attn_mask=mask, need_weights=False)[0]
        inner = self.mlp["c_fc"](self.ln_2(rows))
        return rows + self.mlp["c_proj"](inner * torch.sigmoid(1.702 * inner))


class Half(nn.Module):
    """What both halves have, under the release's names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(Block(width) for _ in range(2))

    def run(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.transformer.resblocks:  # type: ignore[union-attr]
            rows = block(rows, mask)
        return rows


class Seeing(Half):
    def __init__(self) -> None:
        super().__init__(WIDTH)
        self.conv1 = nn.Conv3d(3, WIDTH, (1, PATCH, PATCH), (1, PATCH, PATCH), bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH))
        self.temporal_positional_embedding = nn.Parameter(torch.randn(1, FRAMES, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.proj = nn.Parameter(torch.randn(WIDTH, COMMON))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels [3, T, H, W] -> a feature."""
        patches = self.conv1(pixels[None])[0].flatten(2).permute(1, 2, 0)
        patches = patches + self.positional_embedding[1:]
        patches = patches + self.temporal_positional_embedding[0][:, None]
        first = self.class_embedding + self.positional_embedding[0]
        rows = torch.cat([first[None], patches.flatten(0, 1)])[None]
        return self.ln_post(self.run(self.ln_pre(rows))[0, 0]) @ self.proj


class Reading(Half):
    def __init__(self) -> None:
        super().__init__(64)
        self.token_embedding = nn.Embedding(WORDS, 64)
        self.positional_embedding = nn.Parameter(torch.randn(LONGEST, 64))
        self.ln_final = nn.LayerNorm(64)
        self.text_projection = nn.Parameter(torch.randn(64, COMMON))

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids [L], padded with zeros behind the last -> a feature."""
        rows = (self.token_embedding(ids) + self.positional_embedding)[None]
        mask = torch.full((LONGEST, LONGEST), float("-inf")).triu(1)
        return self.ln_final(self.run(rows, mask)[0, ids.argmax()]) @ self.text_projection


class Release(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vision_encoder, self.text_encoder = Seeing(), Reading()
        self.temp = nn.Parameter(torch.tensor(0.01))


@pytest.fixture(scope="module")
def release() -> Release:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Release().eval()


@pytest.fixture(scope="module")
def folder(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ViCLIP is published: weights and CLIP's list of merges."""
    home = tmp_path_factory.mktemp("viclip")
    torch.save({"model": release.state_dict()}, home / WEIGHTS)
    (home / MERGES).write_bytes(gzip.compress(b"#version: 0.2\nf o\nfo x</w>\n"))
    return home


@torch.no_grad()
def test_a_clip_has_the_feature_that_the_release_gives_it(release: Release, folder: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (2 * FRAMES, SIDE, SIDE, 3)).astype(np.uint8)
    found = ViClip(folder)(frames)
    assert found.shape == (1, COMMON)
    # The second of every two frames: the middle of an eighth.
    pixels = torch.from_numpy(frames[1::2]).permute(3, 0, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = (pixels - mean.view(3, 1, 1, 1)) / std.view(3, 1, 1, 1)
    wanted = F.normalize(release.vision_encoder(seen), dim=0)
    assert found[0] == pytest.approx(wanted.numpy(), abs=1e-4)
    backwards = ViClip(folder)(frames[::-1].copy())
    assert abs(backwards - found).max() > 1e-3, "time counts"
    assert np.isfinite(ViClip(folder)(frames[:3])).all(), "a shot may be shorter than eight frames"


@torch.no_grad()
def test_a_text_has_the_feature_that_the_release_gives_it(release: Release, folder: Path) -> None:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    network = ViClip(folder)
    letters = list(bytes_to_unicode().values())
    # 512 letters, "fo" and "fox", then the two ends.
    fox, a = 512 + 1, 256 + letters.index("a")
    ids = torch.zeros(LONGEST, dtype=torch.long)
    ids[:5] = torch.tensor([WORDS - 2, a, fox, 256 + letters.index("."), WORDS - 1])
    wanted = F.normalize(release.text_encoder(ids), dim=0)
    assert network.texts(["A fox."])[0] == pytest.approx(wanted.numpy(), abs=1e-4)
    pieces = network.texts.pieces("The quick brown fox runs over a hill. " * 3)
    assert len(pieces) > 1, "no word is left out"


def test_transformers_tokenizer_and_safetensors_do_as_well(
    release: Release, folder: Path, tmp_path: Path
) -> None:
    state = {name: tensor.detach().clone() for name, tensor in release.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="tokenizer is missing"):
        ViClip(tmp_path)
    ViClip(folder).texts._tokenizer.save_pretrained(tmp_path)
    texts = ["A fox.", "Nobody."]
    assert ViClip(tmp_path).texts(texts) == pytest.approx(ViClip(folder).texts(texts), abs=1e-6)


def test_another_models_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / MERGES).write_bytes(gzip.compress(b"#version: 0.2\nf o\n"))
    with pytest.raises(InputError, match="tokenizer knows 515 words, the weights 516"):
        ViClip(tmp_path / "other")
    (tmp_path / "other" / MERGES).write_bytes(b"no gzip")
    with pytest.raises(InputError, match="list of merges is damaged"):
        ViClip(tmp_path / "other")


def test_other_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no weights of ViCLIP"):
        ViClip(tmp_path)
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="these are no weights of ViCLIP"):
        ViClip(tmp_path)
    state = torch.load(folder / WEIGHTS, weights_only=True)["model"]
    del state["vision_encoder.proj"]
    torch.save({"model": state}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="not those of ViCLIP"):
        ViClip(tmp_path)
    (tmp_path / "b.pth").write_bytes(b"")
    with pytest.raises(InputError, match="2 files of weights"):
        ViClip(tmp_path)
    (tmp_path / "a.pth").unlink()
    with pytest.raises(MachineError, match="damaged"):
        ViClip(tmp_path)


def test_films_are_compared_by_it(folder: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (20, 24, 40, 3)).astype(np.uint8)
    scene = Screened(
        name="film",
        names=("1", "2"),
        frames=frames,
        shots=(FrameSpan(0, 9), FrameSpan(9, 20)),
        casts=(frozenset({"1"}), frozenset({"1", "2"})),
        setting="A harbour.",
        prompts=("A fox.", "Nobody."),
    )
    seen = eyes(None, None, folder)
    values = observe(scene, seen).values
    network = ViClip(folder)
    first, second = network(frames[:9])[0], network(frames[9:])[0]
    assert values["inter-shot-viclip"].sum == pytest.approx(float(first @ second), abs=1e-5)
    setting = network.texts(["A harbour."])[0]
    assert values["text-global-viclip"].sum == pytest.approx(
        float(network(frames)[0] @ setting), abs=1e-5
    )
    assert values["text-shot-viclip"].n == values["text-own-viclip"].n == 2
    assert "text-shot-clip" not in values
    assert not {name for name in observe(scene, Eyes()).values if name.endswith("viclip")}
