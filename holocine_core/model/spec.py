"""The table of model families: shapes, strides, defaults, sources and licences. No torch here.

A model of the table and a folder on disk are described by the same value, so nothing downstream
asks for a model's name: what differs is a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from holocine_core.sampling import PROFILE_NAMES, Attention, Profile, Sampler

UMT5_HEAD = 64
"""Width of a head of Wan's text encoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a model once was: films that were begun with it go on with it."""

    profiles: Mapping[str, Profile]
    files: Mapping[str, str] = field(default_factory=dict)
    """Content hash of the parts that were others; the rest are today's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """Dimensions of one diffusion transformer (all experts share them), as Wan names them."""

    layers: int
    width: int
    heads: int
    ffn: int
    text_width: int
    text_layers: int = 0
    """Layers of the text encoder; 0 where unknown."""
    text_heads: int = 0
    """Heads of its attention; 0 where they are as wide as UMT5's."""
    vocabulary: int = 0
    """Rows of its embedding; 0 where unknown."""
    latent_channels: int = 16
    patch: int = 2
    """Rows and columns of latents in one token."""

    @property
    def text_attention_heads(self) -> int:
        """Of the text encoder."""
        return self.text_heads or max(1, self.text_width // UMT5_HEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeShape:
    """Dimensions of the decoder of an AutoencoderKLWan, as its configuration names them;
    Wan2.1's are the defaults."""

    base: int = 96
    latent_channels: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    res_blocks: int = 2
    doubles_frames: tuple[bool, ...] = (True, True, False)
    """Per upsampling, first to last, whether it doubles the frames too."""
    residual: bool = False
    """Whether each level's input is repeated and added to its output, as Wan2.2's small codec does;
    upsamplings then keep their channels."""
    patch: int = 1
    """Rows and columns of pixels that are folded into the decoder's output channels."""

    @property
    def stride(self) -> int:
        """Rows and columns of pixels in one latent."""
        return self.patch << (len(self.multipliers) - 1)

    @property
    def channels(self) -> int:
        """Of the pixels it works on."""
        return 3 * self.patch**2


WAN_VAE = VaeShape()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldShape:
    """Dimensions of the decoder of an AutoencoderFold, as its configuration names them."""

    latent_channels: int
    widths: tuple[int, int, int]
    """Channels at 1/8, 1/4 and 1/2 of the resolution."""
    blocks: tuple[int, int, int]
    """Residual blocks there."""


FOLD_STRIDE = 8
"""Rows and columns of pixels in one of its latents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of one hub repository that a model needs."""

    repo: str
    revision: str | None
    """Commit to fetch. None: no commit is published to pin to; the first pull records the one it
    got in the model's lock file, and every later pull and verify holds to that."""
    files: tuple[str, ...]
    """Paths or glob patterns inside the repository."""
    folder: str
    """Where they lie below the models folder."""
    licence: str
    bytes: int
    """Approximate download size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Everything about a model that can be known without loading it."""

    name: str
    summary: str
    attention: Attention
    """Self-attention the checkpoint was trained with."""
    experts: int
    """1, or 2 with a switch at ``boundary``."""
    boundary: float
    """Timesteps of at least ``boundary * 1000`` go to the high-noise expert."""
    shape: NetworkShape
    text_tokens: int
    """Longest prompt in tokens."""
    fps: int
    max_frames: int
    """Longest scene the model was trained on; longer ones are allowed with a warning."""
    profiles: Mapping[str, Profile]
    licence: str
    vae: VaeShape | FoldShape = WAN_VAE
    weight_bytes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each network in its storage type: text_encoder, transformer, vae."""
    text_padding: bool = True
    """Whether video tokens also attend to the zero rows that fill a prompt up to ``text_tokens``,
    as Wan's do."""
    low_precision_timestep: bool = False
    """Whether the timestep is cast to the network's type before its embedding, as HoloCine does."""
    clean_shots: bool = False
    """Whether it was trained with some shots given without noise, at time 0, so that kept shots
    enter it so; else they enter with each step's own noise."""
    guide_summaries: bool = True
    """Whether the branch that guidance leads away from sees other shots' summary tokens too.
    Without, guidance leads towards what shots know only of each other, as it does to their
    text, at the same cost."""
    sources: tuple[Source, ...] = ()
    parted: bool = False
    """Whether its parts lie in diffusers' layout, each below the folder of the source that names
    it."""
    embedded: str = ""
    """Folder of the weights inside this package, for models that ship with it."""
    note: str = ""
    """What a user must know before trusting a film of this model."""
    earlier: tuple[Earlier, ...] = ()
    """What it was before, the latest first."""

    @property
    def spatial_stride(self) -> int:
        """Rows and columns of pixels in one latent."""
        return FOLD_STRIDE if isinstance(self.vae, FoldShape) else self.vae.stride

    @property
    def size_multiple(self) -> int:
        """Frame width and height are multiples of this many pixels."""
        return self.spatial_stride * self.shape.patch


HOLOCINE_LICENCE = (
    "HoloCine project: CC BY-NC-SA 4.0 (non-commercial, share alike); Wan2.2: Apache-2.0"
)

UMT5_XXL = {"text_width": 4096, "text_layers": 24, "text_heads": 64, "vocabulary": 256_384}
"""Wan's text encoder."""
WAN_14B = NetworkShape(layers=40, width=5120, heads=40, ffn=13824, **UMT5_XXL)

WAN_COMPONENTS = Source(
    repo="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    revision="5be7df9619b54f4e2667b2755bc6a756675b5cd7",
    files=("tokenizer/*", "text_encoder/*", "vae/*"),
    folder="Wan2.2-T2V-A14B-Diffusers",
    licence="Apache-2.0",
    bytes=11_900_000_000,
)


RELEASE = Profile(width=832, height=480, steps=50, guidance=5.0, shift=5.0)
"""How HoloCine's release samples, and what it was trained at."""


def _holocine_14b(attention: Attention, summary: str) -> ModelSpec:
    return ModelSpec(
        name=f"holocine-14b-{attention}",
        summary=summary,
        attention=attention,
        experts=2,
        boundary=0.875,
        shape=WAN_14B,
        text_tokens=512,
        fps=15,
        max_frames=241,
        profiles={
            "draft": Profile(width=480, height=272, steps=20, guidance=5.0, shift=5.0),
            "standard": RELEASE,
            # The base's larger size: HoloCine was trained at the smaller one alone.
            "final": RELEASE.model_copy(update={"width": 1280, "height": 720}),
        },
        earlier=(Earlier(profiles={"final": RELEASE}),),
        licence=HOLOCINE_LICENCE,
        weight_bytes={
            "text_encoder": 11_360_000_000,
            "transformer": 28_580_000_000,
            "vae": 507_600_000,
        },
        low_precision_timestep=True,
        sources=(
            Source(
                repo="hlwang06/HoloCine",
                revision=None,
                files=tuple(
                    f"HoloCine_dit/{attention}/{attention}_{noise}_noise.safetensors"
                    for noise in ("high", "low")
                ),
                folder=".",
                licence="CC BY-NC-SA 4.0",
                bytes=57_200_000_000,
            ),
            WAN_COMPONENTS,
        ),
    )


def _wan_profile(width: int, height: int, steps: int) -> Profile:
    """As Wan's own page recommends for its small model: guidance 6, shift 8 to 12."""
    return Profile(width=width, height=height, steps=steps, guidance=6.0, shift=8.0)


WAN_1_3B = ModelSpec(
    name="wan2.1-t2v-1.3b",
    summary="Wan2.1's small text-to-video model: a base to train a small HoloCine from.",
    attention="full",
    experts=1,
    boundary=0.0,
    shape=NetworkShape(layers=30, width=1536, heads=12, ffn=8960, **UMT5_XXL),
    text_tokens=512,
    fps=16,
    max_frames=81,
    profiles={
        "draft": _wan_profile(480, 272, 20),
        "standard": _wan_profile(832, 480, 50),
        "final": _wan_profile(832, 480, 50),
    },
    licence="Apache-2.0",
    weight_bytes={
        "text_encoder": 11_360_000_000,
        "transformer": 2_837_993_600,
        "vae": 507_600_000,
    },
    parted=True,
    sources=(
        Source(
            repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
            revision="0fad780a534b6463e45facd96134c9f345acfa5b",
            files=("transformer/*",),
            folder="Wan2.1-T2V-1.3B-Diffusers",
            licence="Apache-2.0",
            bytes=5_676_000_000,
        ),
        WAN_COMPONENTS,
    ),
    note="it was never taught shots: one scene, one shot, until it is trained on scenes",
)
"""Stored in float32 by its makers; here as bfloat16."""

WAN_5B = ModelSpec(
    name="wan2.2-ti2v-5b",
    summary="Wan2.2's small model with a codec of stride 16: a base to train a HoloCine of 24 fps.",
    attention="full",
    experts=1,
    boundary=0.0,
    shape=NetworkShape(
        layers=30,
        width=3072,
        heads=24,
        ffn=14336,
        latent_channels=48,
        **UMT5_XXL,
    ),
    vae=VaeShape(base=256, latent_channels=48, residual=True, patch=2),
    text_tokens=512,
    fps=24,
    max_frames=121,
    profiles={
        "draft": Profile(width=640, height=352, steps=20, guidance=5.0, shift=5.0),
        "standard": Profile(width=1280, height=704, steps=50, guidance=5.0, shift=5.0),
        "final": Profile(width=1280, height=704, steps=50, guidance=5.0, shift=5.0),
    },
    licence="Apache-2.0",
    weight_bytes={
        "text_encoder": 11_360_000_000,
        "transformer": 10_000_000_000,
        "vae": 2_818_000_000,
    },
    parted=True,
    sources=(
        Source(
            repo="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
            revision="b8fff7315c768468a5333511427288870b2e9635",
            files=("transformer/*", "vae/*"),
            folder="Wan2.2-TI2V-5B-Diffusers",
            licence="Apache-2.0",
            bytes=22_820_000_000,
        ),
        replace(WAN_COMPONENTS, files=("tokenizer/*", "text_encoder/*"), bytes=11_400_000_000),
    ),
    note="it was never taught shots: one scene, one shot, until it is trained on scenes",
)
"""Stored in float32 by its makers; here as bfloat16. Films of text alone: no first picture."""


def _nano_profiles(
    sampler: Sampler, shift: float, steps: tuple[int, int, int], draft_stop: float
) -> dict[str, Profile]:
    """nano's draft, standard and final; only the draft's guidance ends early."""
    return {
        name: Profile(
            width=224,
            height=128,
            steps=count,
            guidance=2.5,
            shift=shift,
            guidance_stop=draft_stop if name == "draft" else 1.0,
            sampler=sampler,
            eta=1.0 if sampler == "sde" else None,
        )
        for name, count in zip(PROFILE_NAMES, steps, strict=True)
    }


MODELS: Mapping[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="nano",
            summary="The embedded model: small, ships with holocine, films on any CPU.",
            attention="sparse",
            experts=1,
            boundary=0.0,
            shape=NetworkShape(
                layers=10,
                width=256,
                heads=4,
                ffn=1024,
                text_width=128,
                text_layers=3,
                text_heads=4,
                vocabulary=12_395,
                latent_channels=24,
            ),
            vae=FoldShape(latent_channels=24, widths=(192, 96, 48), blocks=(2, 2, 1)),
            text_tokens=512,
            text_padding=False,
            clean_shots=True,
            guide_summaries=False,
            fps=15,
            max_frames=121,
            profiles=_nano_profiles("sde", 5.0, (5, 16, 40), draft_stop=0.8),
            earlier=(Earlier(profiles=_nano_profiles("unipc", 8.0, (5, 10, 30), draft_stop=0.4)),),
            licence="Apache-2.0",
            weight_bytes={"text_encoder": 4_158_720, "transformer": 22_392_512, "vae": 9_567_168},
            embedded="nano",
            note=(
                "nano is small: it films eight places of a drawn world, with one or two people or "
                "a person and an animal; small faces and animals often fail, and two people get "
                "mixed up"
            ),
        ),
        _holocine_14b("full", "HoloCine-14B with full self-attention: the release's main model."),
        _holocine_14b(
            "sparse",
            "HoloCine-14B with sparse inter-shot attention: under half the work at 241 frames.",
        ),
        WAN_1_3B,
        WAN_5B,
    )
}
