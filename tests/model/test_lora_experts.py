"""LoRA files without a word on the expert: their keys and names tell, and contradictions are
refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from holocine_core.errors import InputError
from holocine_core.model.lora.experts import Experts, expert_by_keys, expert_by_name
from holocine_core.model.lora.file import LoraFile, lora_hash

TWO = Experts(count=2)


def written(path: Path, prefixes: tuple[str, ...] = ("diffusion_model.",), size: float = 1) -> Path:
    save_file(
        {
            f"{prefix}blocks.0.self_attn.q.lora_{side}.weight": size * torch.ones(2, 2)
            for prefix in prefixes
            for side in ("down", "up")
        },
        path,
    )
    return path


@pytest.mark.parametrize(
    ("name", "expert"),
    [
        ("high_noise_model", "high"),
        ("low_noise_model", "low"),
        ("WAN2.2-HighNoise_PencilSketch", "high"),
        ("pencil-low-noise-v2", "low"),
        ("Wan2.2-T2V-A14B-4steps-lora-rank64-Seko-V1_high_noise_000001500", "high"),
        ("Wan22_A14B_T2V_HIGH_Lightning_4steps_lora_250928_rank128_fp16", "high"),
        ("Wan2.2-Lightning_T2V-A14B-4steps-lora_LOW_fp16", "low"),
        ("wool_high", "high"),
        ("wool.low", "low"),
        ("wool-high-v1.1", "high"),
        ("wool_low_rank64_bf16", "low"),
        ("lora-high", "high"),
        ("Low_Noise_LOW_KEY", "low"),
        # Words of the look, and names of both.
        ("low_angle", None),
        ("high-contrast-film", None),
        ("LOW_POLY_WORLD", None),
        ("slow", None),
        ("highland", None),
        ("wan22_high_noise_and_low_noise", None),
        ("style", None),
    ],
)
def test_a_name_tells_the_expert(name: str, expert: str | None) -> None:
    assert expert_by_name(Path("nowhere") / f"{name}.safetensors") == expert


@pytest.mark.parametrize(
    ("name", "twin"),
    [("wan22-k3nk-high-t2v-orbit", "wan22-k3nk-low-t2v-orbit"), ("High Wool", "Low Wool")],
)
def test_a_twin_beside_it_makes_a_word_tell(tmp_path: Path, name: str, twin: str) -> None:
    path = written(tmp_path / f"{name}.safetensors")
    assert expert_by_name(path) is None
    written(tmp_path / f"{twin}.safetensors")
    assert expert_by_name(path) == "high"
    assert expert_by_name(path.with_name(f"{twin}.safetensors")) == "low"


def test_keys_tell_before_the_name(tmp_path: Path) -> None:
    low = written(tmp_path / "a_HIGH.safetensors", ("transformer_2.",))
    both = written(tmp_path / "b_HIGH.safetensors", ("transformer.", "transformer_2."))
    assert (expert_by_keys(low), expert_by_keys(both)) == ("low", "both")
    placed = [TWO.place(LoraFile(path=path)) for path in (low, both)]
    assert [(lora.expert, lora.told_by) for lora in placed] == [
        ("low", "its keys"),
        ("both", "its keys"),
    ]


def test_files_are_placed_by_what_is_given_then_by_the_name(tmp_path: Path) -> None:
    high, plain = (written(tmp_path / f"{name}.safetensors") for name in ("x_HIGH", "plain"))
    placed = TWO.placed([LoraFile(path=high), LoraFile(path=plain)])
    assert [(lora.expert, lora.told_by) for lora in placed] == [("high", "its name"), ("both", "")]
    on_both = LoraFile(path=high, expert="both")
    assert TWO.placed([on_both]) == (on_both,)
    assert Experts(count=1).placed([LoraFile(path=high)])[0].expert == "both"


def test_a_pair_stands_on_its_two_experts(tmp_path: Path) -> None:
    pair = [
        LoraFile(path=written(tmp_path / f"wool_{side}.safetensors")) for side in ("high", "low")
    ]
    placed = TWO.placed(pair)
    assert [
        [lora.changes(part) for lora in placed] for part in ("transformer", "transformer_2")
    ] == [[True, False], [False, True]]


def test_a_contradiction_is_refused(tmp_path: Path) -> None:
    high = LoraFile(path=written(tmp_path / "x_HIGH.safetensors"), expert="low")
    second = written(tmp_path / "second.safetensors", ("transformer_2.",))
    with pytest.raises(InputError) as refused:
        TWO.placed([high, LoraFile(path=second, expert="high")])
    by_name, by_keys = refused.value.problems
    assert "by its name for the high-noise expert, but is given to: low" in by_name.message
    assert by_name.where == str(high.path)
    assert "`both` puts it on both" in by_name.hint
    assert "matrices for the low-noise expert only, but is given to: high" in by_keys.message
    assert "expert: low" in by_keys.hint


def test_a_film_keeps_the_expert_that_it_was_made_with(tmp_path: Path) -> None:
    lora = LoraFile(path=written(tmp_path / "x_HIGH.safetensors"))
    earlier = Experts(count=2, recorded={lora_hash(lora): "both"})
    (placed,) = earlier.placed([lora])
    assert (placed.expert, placed.told_by) == ("both", "the film")
    as_made = replace(lora, expert="low")
    assert replace(earlier, recorded={lora_hash(lora): "low"}).placed([as_made]) == (as_made,)
