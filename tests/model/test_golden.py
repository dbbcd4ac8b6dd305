"""The reference's own outputs: tensors made by the release's network code on a small random model.

``golden/`` holds weights in the release's key naming, prompts, cuts and expected outputs.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from holocine_core.model.attention import ShotContext, ShotLayout, install
from holocine_core.model.weights import load_transformer
from holocine_core.script.prompt import clean, token_ranges
from holocine_core.script.timeline import Span, Timeline

GOLDEN = Path(__file__).parent / "golden"
CASES: dict[str, Any] = json.loads((GOLDEN / "cases.json").read_text())
TENSORS = load_file(GOLDEN / "cases.safetensors")
KEYS = [case["key"] for case in CASES["cases"]]
OUTPUTS = {
    # expected output: context, windowed text, sparse self-attention
    "full": ("context", True, False),
    "sparse": ("context", True, True),
    "unwindowed": ("context", False, False),
    "negative_full": ("negative_context", False, False),
    "negative_sparse": ("negative_context", False, True),
}
TOLERANCE = 1e-5


def case(key: str) -> dict[str, Any]:
    return next(c for c in CASES["cases"] if c["key"] == key)


def config() -> dict[str, Any]:
    """The golden network's dimensions under diffusers' names."""
    c = CASES["config"]
    return {
        "patch_size": [1, 2, 2],
        "num_attention_heads": c["heads"],
        "attention_head_dim": c["dim"] // c["heads"],
        "in_channels": c["in_dim"],
        "out_channels": c["in_dim"],
        "text_dim": c["text_dim"],
        "freq_dim": c["freq_dim"],
        "ffn_dim": c["ffn_dim"],
        "num_layers": c["layers"],
    }


def layout_of(key: str, *, windowed: bool, sparse: bool) -> ShotLayout:
    """From the case's prompt and cuts, through the code a render uses."""
    found = case(key)
    prompt = clean(CASES["prompts"][found["prompt"]])
    tokenizer = Tokenizer.from_file(str(GOLDEN / "tokenizer.json"))
    ranges = token_ranges(prompt, tokenizer.encode(prompt).offsets)
    timeline = Timeline(found["num_frames"], tuple(found["cut_frames"]), Fraction(15))
    rows, columns = TENSORS[f"{key}.latents"].shape[-2:]
    return ShotLayout(
        shots=timeline.latent_spans,
        frame_tokens=rows * columns // 4,
        windows=ranges.windows(CASES["text_len"]) if windowed else None,
        sparse=sparse,
    )


@pytest.fixture(scope="module")
def network() -> tuple[Any, ShotContext]:
    transformer = load_transformer(
        [GOLDEN / "transformer.safetensors"], config=config(), dtype=torch.float32
    )
    context = ShotContext()
    install(transformer, context, "loop")
    return transformer, context


def error(key: str, output: str, network: tuple[Any, ShotContext]) -> float:
    """Relative L2 distance to the reference's output."""
    transformer, context = network
    rows, windowed, sparse = OUTPUTS[output]
    context.layout = layout_of(key, windowed=windowed, sparse=sparse)
    with torch.no_grad():
        got = transformer(
            hidden_states=TENSORS[f"{key}.latents"],
            timestep=torch.tensor([case(key)["timestep"]]),
            encoder_hidden_states=TENSORS[f"{key}.{rows}"],
            return_dict=False,
        )[0]
    expected = TENSORS[f"{key}.{output}"]
    return float((got - expected).norm() / expected.norm())


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("key", KEYS)
def test_agrees_with_the_reference(
    key: str, output: str, network: tuple[Any, ShotContext]
) -> None:
    assert error(key, output, network) < TOLERANCE


@pytest.mark.parametrize("key", KEYS)
def test_each_mechanism_matters(key: str, network: tuple[Any, ShotContext]) -> None:
    """The cases tell the mechanisms apart: another mechanism's output is far off."""
    differ = [
        float(
            (TENSORS[f"{key}.{a}"] - TENSORS[f"{key}.{b}"]).norm() / TENSORS[f"{key}.{a}"].norm()
        )
        for a, b in (("sparse", "full"), ("full", "unwindowed"))
    ]
    expected_apart = differ[:1] if len(case(key)["cut_frames"]) == 0 else differ
    assert min(expected_apart) > 10 * TOLERANCE


@pytest.mark.parametrize("key", KEYS)
def test_token_ranges_are_the_references(key: str) -> None:
    found = case(key)
    prompt = clean(CASES["prompts"][found["prompt"]])
    tokenizer = Tokenizer.from_file(str(GOLDEN / "tokenizer.json"))
    ranges = token_ranges(prompt, tokenizer.encode(prompt).offsets)
    assert ranges.global_ == Span(*found["positions"]["global"])
    assert ranges.shots == tuple(Span(*span) for span in found["positions"]["shots"])


@pytest.mark.parametrize("key", KEYS)
def test_latent_shots_are_the_references(key: str) -> None:
    found = case(key)
    timeline = Timeline(found["num_frames"], tuple(found["cut_frames"]), Fraction(15))
    shots = [shot for shot, span in enumerate(timeline.latent_spans) for _ in span]
    assert shots == found["shot_indices"]
