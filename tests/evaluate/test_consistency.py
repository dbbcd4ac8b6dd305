from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from holocine_core.errors import InputError
from holocine_core.evaluate.clip_text import ClipText
from holocine_core.evaluate.consistency import (
    agreement,
    among,
    inside,
    middle,
    shot_features,
    spread,
)
from holocine_core.evaluate.features import Vision, colours, extractors, eyes
from holocine_core.evaluate.numbers import tally
from holocine_core.script.timeline import FrameSpan


def plain(colour: tuple[int, int, int], frames: int = 3) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (frames, 24, 40, 1))


def test_a_few_frames_stand_for_a_shot() -> None:
    assert spread(FrameSpan(10, 13)) == [10, 11, 12]
    many = spread(FrameSpan(10, 110), 5)
    assert (len(many), many[0], many[-1]) == (5, 10, 109)


def test_colours_compare_where_and_what() -> None:
    red, blue = colours(plain((200, 30, 30))), colours(plain((30, 30, 200)))
    assert red[0] @ red[0] == pytest.approx(1)
    assert red[0] @ blue[0] == pytest.approx(0)
    left = plain((200, 30, 30))
    left[:, :, 20:] = (30, 30, 200)
    mirrored = left[:, :, ::-1]
    a, b = colours(left)[0], colours(mirrored)[0]
    assert a @ b < 0.7 < red[0] @ a + blue[0] @ a, "the same colours elsewhere are less alike"


def test_likeness_inside_a_shot_looks_at_neighbours_and_the_first() -> None:
    a, b = np.eye(2, dtype=np.float32)
    assert inside(np.stack([a, a, a])) == 1
    assert inside(np.stack([a, b, b])) == pytest.approx(0.25)
    assert inside(a[None]) is None


def test_shots_are_compared_where_they_share_a_character() -> None:
    a, b = np.eye(2, dtype=np.float32)
    shots = [np.stack([a, a]), np.stack([b, b]), np.stack([a, b])]
    casts = [frozenset("1"), frozenset("2"), frozenset("12")]
    assert list(among(shots, casts)) == pytest.approx([0.5**0.5, 0.5**0.5])
    assert list(among(shots[:2], casts[:2])) == []


def test_features_come_from_inside_each_shot() -> None:
    scene = np.concatenate([plain((200, 30, 30), 4), plain((30, 30, 200), 4)])
    one, two = shot_features(scene, [FrameSpan(0, 4), FrameSpan(4, 8)], colours)
    assert (inside(one), inside(two)) == pytest.approx((1, 1))
    assert float(one[0] @ two[0]) == pytest.approx(0)


def tokenizer_of(folder: Path) -> None:
    """CLIP's byte tokenizer without merges: one token per letter."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    vocabulary |= {"<|startoftext|>": 598, "<|endoftext|>": 599}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders clip/ and dino/ of tiny random networks."""
    import transformers

    folder = tmp_path_factory.mktemp("vision")
    small = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    clip = transformers.CLIPVisionConfig(**small, projection_dim=12)
    transformers.CLIPVisionModelWithProjection(clip).save_pretrained(folder / "clip")
    dino = transformers.ViTConfig(**small)
    transformers.ViTModel(dino).save_pretrained(folder / "dino")
    look = {
        "size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4],
    }  # fmt: skip
    text = {**small, "vocab_size": 600, "max_position_embeddings": 12, "eos_token_id": 599}
    both = transformers.CLIPConfig(
        text_config=text, vision_config={**small, "projection_dim": 12}, projection_dim=12
    )
    transformers.CLIPModel(both).save_pretrained(folder / "whole")
    tokenizer_of(folder / "whole")
    for name in ("clip", "dino", "whole"):
        (folder / name / "preprocessor_config.json").write_text(json.dumps(look))
    return folder


@pytest.mark.parametrize(
    ("folder", "kind", "width"), [("clip", "clip", 12), ("whole", "clip", 12), ("dino", "dino", 16)]
)
def test_given_networks_look_at_frames(networks: Path, folder: str, kind: str, width: int) -> None:
    extract = extractors(networks / folder if kind == "clip" else None, networks / "dino")[kind]
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (19, 48, 80, 3)).astype(np.uint8)
    found = extract(frames)
    assert found.shape == (19, width)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(19), abs=1e-5)
    assert extract(frames[17:]) == pytest.approx(found[17:], abs=1e-5)


def test_pictures_are_cropped_from_the_middle_and_normalised(networks: Path) -> None:
    vision = Vision(networks / "clip", "clip")
    frames = torch.full((1, 36, 72, 3), 255, dtype=torch.uint8)
    frames[:, :, 36 - 16 : 36 + 16] = 0
    seen = vision._look(frames)
    assert seen.shape == (1, 3, 32, 32)
    black = [-0.5 / 0.2, -0.4 / 0.3, -0.3 / 0.4]
    assert seen[0, :, 16, 16].tolist() == pytest.approx(black)
    assert seen[0, :, :, 4:28].std() < 1.3, "the bright sides are cropped"


def test_a_folder_without_a_network_is_refused(tmp_path: Path, networks: Path) -> None:
    with pytest.raises(InputError, match=r"preprocessor_config\.json is missing"):
        Vision(tmp_path, "clip")
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(InputError, match="no DINO network"):
        Vision(tmp_path, "dino")


def test_networks_of_another_kind_are_refused(networks: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of type vit, not CLIP"):
        Vision(networks / "dino", "clip")
    with pytest.raises(InputError, match="of type clip_vision_model, not DINO"):
        Vision(networks / "clip", "dino")
    broken = tmp_path / "broken"
    shutil.copytree(networks / "clip", broken)
    weights = load_file(broken / "model.safetensors")
    weights.pop("visual_projection.weight")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"the weights lack visual_projection\.weight"):
        Vision(broken, "clip")


def test_texts_too_long_for_clip_are_read_in_whole_sentences(networks: Path) -> None:
    texts = ClipText(networks / "whole")
    assert texts.pieces("A fox. It rains.") == ["A fox.", "It rains."]
    assert texts.pieces("A. B. C.") == ["A. B. C."]
    long = "one two three four five"
    assert " ".join(texts.pieces(long)) == long
    assert len(texts.pieces(long)) > 1
    letters = "\u706f" * 20
    assert "".join(texts.pieces(letters)) == letters, "words need no spaces"
    assert texts.pieces("\u706f\u3002\u706f\u706f\u3002") == ["\u706f\u3002", "\u706f\u706f\u3002"]
    assert np.isfinite(texts([letters])).all()
    together = texts([long])
    assert np.linalg.norm(together, axis=1) == pytest.approx([1], abs=1e-5)
    assert abs(together - texts(["one two three four six"])).max() > 1e-3, "its end counts"


def test_texts_are_read_as_clip_reads_them(networks: Path) -> None:
    import transformers

    whole = transformers.CLIPModel.from_pretrained(networks / "whole").eval()
    tokens = transformers.CLIPTokenizerFast.from_pretrained(networks / "whole")("A fox.")
    with torch.no_grad():
        ids = torch.tensor([tokens.input_ids])
        wanted = whole(input_ids=ids, pixel_values=torch.zeros(1, 3, 32, 32)).text_embeds[0]
    found = ClipText(networks / "whole")(["A fox."])
    assert found[0] == pytest.approx((wanted / wanted.norm()).numpy(), abs=1e-5)


def test_a_vision_half_reads_no_texts_and_a_damaged_whole_is_refused(
    networks: Path, tmp_path: Path
) -> None:
    assert not eyes(networks / "clip", None).texts
    assert set(eyes(networks / "whole", None).texts) == {"clip"}
    broken = tmp_path / "broken"
    shutil.copytree(networks / "whole", broken)
    (broken / "vocab.json").unlink()
    with pytest.raises(InputError, match="tokenizer is missing"):
        eyes(broken, None)
    (broken / "vocab.json").write_text("{")
    with pytest.raises(InputError, match="tokenizer cannot be read"):
        eyes(broken, None)


def test_pictures_are_compared_with_their_texts() -> None:
    right, up = np.eye(2, dtype=np.float32)
    shots = np.stack([right, up])
    whole = middle(shots)
    found = agreement("clip", shots, whole, right, np.stack([right, up]))
    assert found["text-own-clip"] == tally([1, 1])
    assert found["text-shot-clip"] == tally([1.0, 1.0])
    assert found["text-global-clip"].sum == pytest.approx(1 / np.sqrt(2))
    swapped = agreement("viclip", shots, whole, None, np.stack([up, right]))
    assert swapped["text-own-viclip"] == tally([0, 0])
    assert swapped["text-global-viclip"].n == 0
    assert agreement("clip", shots[:1], right, None, right[None])["text-own-clip"].n == 0
    same = agreement("clip", shots, whole, None, np.stack([right, right]))
    assert same["text-own-clip"] == tally([0, 0]), "texts that are alike tell nothing"
