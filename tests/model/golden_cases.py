"""The reference's own outputs and how to compare with them; tests and benchmarks share this.

``golden/`` holds a small random network's weights in the release's key naming, prompts, cuts, and
the outputs that the release's network code gives for them in float32.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from holocine_core.model.attention.layout import ShotContext, ShotLayout, install
from holocine_core.model.attention.segments import Engine
from holocine_core.model.locate import find_model
from holocine_core.model.weights import load_component
from holocine_core.script.prompt import TextRanges, clean, token_ranges
from holocine_core.script.timeline import Timeline

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


def timeline_of(key: str) -> Timeline:
    """The case's cuts."""
    found = case(key)
    return Timeline(found["num_frames"], tuple(found["cut_frames"]), Fraction(15))


def ranges_of(key: str) -> TextRanges:
    """The case's token ranges, from its prompt."""
    prompt = clean(CASES["prompts"][case(key)["prompt"]])
    tokenizer = Tokenizer.from_file(str(GOLDEN / "tokenizer.json"))
    return token_ranges(prompt, tokenizer.encode(prompt).offsets)


def layout_of(key: str, *, windowed: bool, sparse: bool) -> ShotLayout:
    """From the case's prompt and cuts, through the code a render uses."""
    timeline = timeline_of(key)
    rows, columns = TENSORS[f"{key}.latents"].shape[-2:]
    return ShotLayout(
        shots=timeline.latent_spans,
        frame_tokens=rows * columns // 4,
        windows=ranges_of(key).windows(CASES["text_len"]) if windowed else None,
        sparse=sparse,
    )


Loaded = tuple[Any, ShotContext]


def load_golden(
    folder: Path,
    engine: Engine = "loop",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Loaded:
    """The golden weights through the loader users use, out of a release tree below ``folder``."""
    home = folder / "HoloCine_dit" / "sparse"
    home.mkdir(parents=True)
    (home / "config.json").write_text(json.dumps(config()))
    for noise in ("high", "low"):
        (home / f"sparse_{noise}_noise.safetensors").symlink_to(GOLDEN / "transformer.safetensors")
    transformer = load_component(find_model(str(folder)).component("transformer"), dtype).to(device)
    context = ShotContext()
    install(transformer, context, engine)
    return transformer, context


def error(key: str, output: str, network: Loaded) -> float:
    """Relative L2 distance to the reference's output."""
    transformer, context = network
    rows, windowed, sparse = OUTPUTS[output]
    context.layout = layout_of(key, windowed=windowed, sparse=sparse)
    like = {"device": transformer.device, "dtype": transformer.dtype}
    with torch.no_grad():
        got = transformer(
            hidden_states=TENSORS[f"{key}.latents"].to(**like),
            timestep=torch.tensor([case(key)["timestep"]], device=transformer.device),
            encoder_hidden_states=TENSORS[f"{key}.{rows}"].to(**like),
            return_dict=False,
        )[0].float()
    expected = TENSORS[f"{key}.{output}"]
    return float((got.cpu() - expected).norm() / expected.norm())
