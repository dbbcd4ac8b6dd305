"""What a weight file is, by the names and shapes of its tensors. No torch here.

Names of files say little: the same network goes by a dozen of them, and another one by the same.
The tensors say it: a text-to-video transformer of Wan's has no tensor that takes a picture, a
control video, a sound or a face.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holocine_core.errors import InputError, Problem
from holocine_core.model.components import Form
from holocine_core.model.on_disk import VAE_PREFIX
from holocine_core.model.spec import WAN_5B
from holocine_core.model.spiece_file import SPIECE

Shapes = Mapping[str, tuple[int, ...]]
_PREFIX = "model.diffusion_model."
_LORA = re.compile(
    r"\.(lora_[AB]|lora_up|lora_down)\b|\.(hada_w\d|lokr_w\d|dora_scale|diff|diff_b)\b"
)
UNKNOWN = "no network that holocine knows"
_TEXT_TO_VIDEO = "take a text-to-video file (T2V), such as HoloCine's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a file is taken for."""

    part: str
    """transformer, text_encoder or vae; empty where it is no part of a model that films."""
    what: str
    """In words, such as ``a VACE transformer``."""
    form: Form = "diffusers"
    why_not: str = ""
    """Why holocine does not film with it; empty where it does."""
    hint: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Dimensions by the keys of its config.json, those that its tensors tell."""
    tokenizer: bool = False
    """Whether it brings the tokenizer."""


@dataclass(frozen=True, slots=True)
class _Other:
    """A network that is made like Wan's and does something else."""

    marks: tuple[str, ...]
    """Beginnings of names that only it has."""
    what: str
    why_not: str


_OTHERS = (
    _Other(("vace_blocks.", "vace_patch_embedding."), "a VACE transformer",
           "it films after a control video, and holocine gives none"),
    _Other(("casual_audio_encoder.", "audio_injector.", "audio_proj.", "audio_model."),
           "a sound-to-video transformer (S2V)", "it films after a sound, and holocine gives none"),
    _Other(("face_adapter.", "motion_encoder.", "pose_patch_embedding.", "face_encoder."),
           "an Animate transformer", "it moves a picture by a video, and holocine gives neither"),
    _Other(("control_adapter.",), "a camera-control transformer",
           "it films along a camera path, and holocine gives none"),
    _Other(("ref_conv.",), "a control transformer (Fun Control)",
           "it films after a control video, and holocine gives none"),
    _Other(("img_emb.", "condition_embedder.image_embedder.", "image_embedder."),
           "an image-to-video transformer (I2V)",
           "it starts from a picture, and holocine's scenes start from text"),
)  # fmt: skip


def kind_of(shapes: Shapes, suffix: str) -> Kind:
    """What a file is.

    Args:
        shapes: Of its tensors, by name.
        suffix: Of its name, which says the format.
    """
    form: Form = "gguf" if suffix == ".gguf" else "pth" if suffix != ".safetensors" else "original"
    shapes = {name.removeprefix(_PREFIX): shape for name, shape in shapes.items()}
    if any(_LORA.search(name) for name in shapes):
        return _aside("a LoRA", "lay it over a model: --lora FILE")
    if _is_transformer(shapes):
        return _transformer(shapes, form)
    if any(name.startswith(("vace_blocks.", "vace_patch_embedding.")) for name in shapes):
        return _refused("a VACE module without its transformer", _OTHERS[0].why_not)
    if "enc.blk.0.attn_q.weight" in shapes:
        return _refused(
            "a text encoder in GGUF",
            "holocine reads text encoders from safetensors and .pth",
            "take umt5_xxl_fp16.safetensors or models_t5_umt5-xxl-enc-bf16.pth",
        )
    return (
        _text_encoder(shapes, form, SPIECE in shapes) or _vae(shapes, form) or _aside(UNKNOWN, "")
    )


def _is_transformer(shapes: Shapes) -> bool:
    names = ("patch_embedding.weight", "blocks.0.self_attn.q.weight", "blocks.0.attn1.to_q.weight")
    return names[0] in shapes and not shapes.keys().isdisjoint(names[1:])


def _transformer(shapes: Shapes, form: Form) -> Kind:
    ours = "blocks.0.attn1.to_q.weight" in shapes
    if form == "original" and ours:
        form = "diffusers"
    for other in _OTHERS:
        if any(name.startswith(other.marks) for name in shapes) or (
            "img_emb." in other.marks and any(".k_img." in name for name in shapes)
        ):
            return _refused(other.what, other.why_not, part="transformer")
    last = "proj_out.weight" if ours else "head.head.weight"
    feed = "blocks.0.ffn.net.0.proj.weight" if ours else "blocks.0.ffn.0.weight"
    text = "condition_embedder.text_embedder.linear_1" if ours else "text_embedding.0"
    patch, out = shapes["patch_embedding.weight"], shapes.get(last, ())
    wide, reads = shapes.get(feed, ()), shapes.get(f"{text}.weight", ())
    if len(patch) != 5 or 0 in patch or len(out) != 2 or len(wide) != 2 or len(reads) != 2:
        return _refused("a transformer of another make than Wan's", "", part="transformer")
    sizes = {
        "num_layers": _blocks(shapes),
        "width": patch[0],
        "in_channels": patch[1],
        "out_channels": out[0] // (patch[2] * patch[3] * patch[4]),
        "ffn_dim": wide[0],
        "text_dim": reads[1],
    }
    given, made = sizes["in_channels"], sizes["out_channels"]
    if given > made:
        # 36 are noise, a mask of 4 and a picture; 52 and 48 have a control video besides.
        image = given == 2 * made + 4
        what = "an image-to-video transformer (I2V)" if image else "a control transformer"
        needs = "a picture" if image else "pictures"
        why = f"it takes {given} channels and gives {made}: it needs {needs} beside the noise"
        return _refused(what, why, part="transformer")
    if made == WAN_5B.shape.latent_channels:
        why = "holocine reads that model in diffusers' layout"
        pull = f"holocine models pull {WAN_5B.name}"
        return _refused("the transformer of Wan2.2's TI2V-5B", why, pull, part="transformer")
    what = f"a text-to-video transformer of {sizes['num_layers']} layers, {sizes['width']} wide"
    return Kind(part="transformer", what=what, form=form, sizes=sizes)


def _blocks(shapes: Shapes) -> int:
    numbers = (re.match(r"blocks\.(\d+)\.", name) for name in shapes)
    return 1 + max((int(found[1]) for found in numbers if found), default=-1)


def _text_encoder(shapes: Shapes, form: Form, tokenizer: bool) -> Kind | None:
    theirs = "encoder.block.0.layer.0.SelfAttention.q.weight"
    own = "blocks.0.attn.q.weight"
    if theirs not in shapes and (own not in shapes or "token_embedding.weight" not in shapes):
        return None
    if theirs in shapes:
        form = "diffusers" if form == "original" else form
        biases = [name for name in shapes if name.endswith("relative_attention_bias.weight")]
        if len(biases) == 1 and _layers(shapes) > 1:
            return _refused("a T5 encoder that is no UMT5", "Wan reads texts with UMT5-XXL")
        if any(name.startswith("decoder.block.") for name in shapes):
            return _refused("a whole T5 with its decoder", "Wan takes UMT5's encoder alone")
    tables = ("shared.weight", "encoder.embed_tokens.weight", "token_embedding.weight")
    table = next((shapes[name] for name in tables if name in shapes), ())
    if len(table) != 2:
        return _refused("a text encoder without its table of words", "it is not whole")
    sizes = {"vocab_size": table[0], "d_model": table[1], "num_layers": _layers(shapes)}
    what = "a UMT5 text encoder" + (" with its tokenizer" if tokenizer else "")
    return Kind(part="text_encoder", what=what, form=form, sizes=sizes, tokenizer=tokenizer)


def _layers(shapes: Shapes) -> int:
    numbers = (re.match(r"(?:encoder\.block|blocks)\.(\d+)\.", name) for name in shapes)
    return 1 + max((int(found[1]) for found in numbers if found), default=-1)


def _vae(shapes: Shapes, form: Form) -> Kind | None:
    shapes = {name.removeprefix(VAE_PREFIX): shape for name, shape in shapes.items()}
    own, ours = "decoder.conv1.weight", "decoder.conv_in.weight"
    if own not in shapes and ours not in shapes:
        return None
    if own in shapes and "conv2.weight" in shapes:
        first, latents = shapes[own], shapes["conv2.weight"]
    else:
        first, latents = shapes.get(ours, ()), shapes.get("post_quant_conv.weight", ())
        form = "diffusers" if form == "original" else form
    if len(first) != 5 or not latents:
        return _refused("a VAE that is none of Wan's", "Wan's transformers need Wan's own VAE")
    if any(".downsamples.0.downsamples." in name for name in shapes):
        return _of_the_small()
    sizes = {"z_dim": latents[0], "width": first[0]}
    return Kind(part="vae", what="a VAE of Wan2.1's kind", form=form, sizes=sizes)


def _of_the_small() -> Kind:
    return _refused(
        "Wan2.2's VAE of stride 16",
        "it belongs to TI2V-5B alone; the 14B models take Wan2.1's",
        "take Wan2.1_VAE.safetensors (wan_2.1_vae.safetensors) or Wan2.1_VAE.pth",
    )


def _aside(what: str, hint: str) -> Kind:
    return Kind(part="", what=what, hint=hint)


def _refused(what: str, why: str, hint: str = "", part: str = "") -> Kind:
    hint = hint or (_TEXT_TO_VIDEO if part else "")
    return Kind(part=part, what=what, why_not=why or "holocine knows no such network", hint=hint)


def refusal(path: Path, kind: Kind) -> Problem:
    """That a file is not what holocine films with."""
    return Problem(f"{path.name} is {kind.what}: {kind.why_not}", str(path), kind.hint)


def refuse_others(kind: Kind, path: Path) -> None:
    """Raises InputError where a file is a network that holocine does not film with."""
    if kind.why_not:
        raise InputError.of([refusal(path, kind)])
