"""The layouts that tests and ``benchmarks.layouts`` go through: published names, and what they are
taken for."""

from __future__ import annotations

from tests.model.layouts import Layout

WAN = "Wan2.2-T2V-A14B-Diffusers"
_KJ = "Wan2_2-T2V-A14B-{}-HoloCine-full_fp8_e4m3fn_scaled_KJ.safetensors"
KJ = {"transformer": _KJ.format("HIGH"), "transformer_2": _KJ.format("LOW")}
COMFY = {
    "diffusion_models/" + KJ["transformer"]: "t2v fp8",
    "diffusion_models/" + KJ["transformer_2"]: "t2v fp8",
    "text_encoders/umt5_xxl_fp16.safetensors": "umt5",
    "vae/wan_2.1_vae.safetensors": "vae",
}
COMFY_PARTS = {
    **KJ,
    "text_encoder": "umt5_xxl_fp16.safetensors",
    "tokenizer": "umt5_xxl_fp16.safetensors",
    "vae": "wan_2.1_vae.safetensors",
}
_ORG = "wan2.2_t2v_{}_noise_14B_fp8_scaled.safetensors"
ENCODERS = {"umt5_xxl_fp16.safetensors": "umt5", "Wan2.1_VAE.safetensors": "vae"}
OWN = {
    "models_t5_umt5-xxl-enc-bf16.pth": "umt5 pth",
    "Wan2.1_VAE.pth": "vae pth",
    "google/umt5-xxl/tokenizer.json": "tokenizer",
}
OWN_PARTS = {
    "text_encoder": "models_t5_umt5-xxl-enc-bf16.pth",
    "vae": "Wan2.1_VAE.pth",
    "tokenizer": "tokenizer.json",
}


def pair(name: str, kind: str) -> dict[str, str]:
    """Both experts' files under a name with a place for the expert's."""
    return {name.format(noise): kind for noise in ("high", "low")}


def quant(level: str, kind: str = "t2v gguf", of: str = "T2V") -> dict[str, str]:
    """Both experts as QuantStack names them."""
    return {
        f"{noise}Noise/Wan2.2-{of}-A14B-{noise}Noise-{level}.gguf": kind
        for noise in ("High", "Low")
    }


def taken(high: str, low: str, **others: str) -> dict[str, str]:
    """The parts of a model by their files' names."""
    return {"transformer": high, "transformer_2": low, **others}


def below(folder: str, files: dict[str, str]) -> dict[str, str]:
    """The same files in a folder."""
    return {f"{folder}/{name}": kind for name, kind in files.items()}


BESIDE = {"text_encoder": "umt5_xxl_fp16.safetensors", "tokenizer": "umt5_xxl_fp16.safetensors"}
FLAT = {**BESIDE, "vae": "Wan2.1_VAE.safetensors"}
DIT = "HoloCine_dit/{}/{}_{{}}_noise.safetensors"
ORIGINAL = below("Wan2.2-T2V-A14B", OWN)

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "HoloCine's page: its files, Wan's .pth files and tokenizer",
        {**pair(DIT.format("full", "full"), "t2v"), **ORIGINAL},
        taken("full_high_noise.safetensors", "full_low_noise.safetensors", **OWN_PARTS),
        "holocine-14b-full",
    ),
    Layout(
        "HoloCine's page to the letter: no tokenizer",
        {
            **pair(DIT.format("full", "full"), "t2v"),
            **{name: kind for name, kind in ORIGINAL.items() if kind != "tokenizer"},
        },
        variant="holocine-14b-full",
        lacks=("tokenizer",),
    ),
    Layout(
        "HoloCine's sparse files in `full/`",
        {**pair(DIT.format("full", "sparse"), "t2v"), **ORIGINAL},
        taken("sparse_high_noise.safetensors", "sparse_low_noise.safetensors", **OWN_PARTS),
        "holocine-14b-sparse",
    ),
    Layout(
        "HoloCine's sparse files in `full/`, that folder given",
        {**pair(DIT.format("full", "sparse"), "t2v"), **ORIGINAL},
        taken("sparse_high_noise.safetensors", "sparse_low_noise.safetensors", **OWN_PARTS),
        "holocine-14b-sparse",
        ask="HoloCine_dit/full",
    ),
    Layout(
        "HoloCine's full and sparse files, all in `full/`",
        {**pair(DIT.format("full", "sparse"), "t2v"), **pair(DIT.format("full", "full"), "t2v")},
        says="holds more than one model",
    ),
    Layout(
        "HoloCine's sparse files in shards",
        {
            "HoloCine_dit/sparse/sparse_high_noise": "shards:3",
            "HoloCine_dit/sparse/sparse_low_noise": "shards:3",
            **ORIGINAL,
        },
        taken(
            "sparse_high_noise-00001-of-00003.safetensors",
            "sparse_low_noise-00001-of-00003.safetensors",
            **OWN_PARTS,
        ),
        "holocine-14b-sparse",
    ),
    Layout(
        "Kijai's files in HoloCine's folder, ComfyUI's encoder and VAE beside",
        {
            **{f"HoloCine_dit/full/{name}": "t2v fp8" for name in KJ.values()},
            **below("ComfyUI/models", ENCODERS),
        },
        {**KJ, **FLAT},
        "holocine-14b-full",
    ),
    Layout("ComfyUI's models folder, Kijai's HoloCine", COMFY, COMFY_PARTS, "holocine-14b-full"),
    Layout(
        "ComfyUI's own folder, older names of folders, fp8 encoder",
        {
            "main.py": "page",
            "models/unet/HoloCine/" + KJ["transformer"]: "t2v fp8",
            "models/unet/HoloCine/" + KJ["transformer_2"]: "t2v fp8",
            "models/clip/umt5_xxl_fp8_e4m3fn_scaled.safetensors": "umt5 fp8",
            "models/vae/Wan2_1_VAE_bf16.safetensors": "vae",
        },
        {
            **KJ,
            "text_encoder": "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
            "tokenizer": "umt5_xxl_fp8_e4m3fn_scaled.safetensors",
            "vae": "Wan2_1_VAE_bf16.safetensors",
        },
        "holocine-14b-full",
    ),
    Layout(
        "ComfyUI's with LoRAs, CLIP, a VACE module and an I2V pair beside",
        {
            **COMFY,
            "loras/Wan2.2-Lightning_T2V-A14B-4steps-lora_HIGH_fp16.safetensors": "lora",
            "clip_vision/clip_vision_h.safetensors": "clip",
            "diffusion_models/Wan2_1-VACE_module_14B_bf16.safetensors": "vace module",
            **below("diffusion_models", pair("wan2.2_i2v_{}_noise_14B_fp16.safetensors", "i2v")),
        },
        COMFY_PARTS,
        "holocine-14b-full",
    ),
    Layout(
        "ComfyUI's with HoloCine and stock Wan: two pairs",
        {**COMFY, **below("diffusion_models", pair(_ORG, "t2v fp8"))},
        says="the high-noise expert could be .*HIGH-HoloCine.* or wan2.2_t2v_high",
    ),
    Layout(
        "ComfyUI's with two text encoders",
        {**COMFY, "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors": "umt5 fp8"},
        says="the text encoder could be umt5_xxl_fp16.* or umt5_xxl_fp8",
    ),
    Layout(
        "ComfyUI's with two text encoders and a card that names one",
        {
            **COMFY,
            "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors": "umt5 fp8",
            "holocine.json": '{"files": {"text_encoder":'
            ' "text_encoders/umt5_xxl_fp16.safetensors"}}',
        },
        COMFY_PARTS,
        "holocine-14b-full",
    ),
    Layout(
        "Comfy-Org's Wan2.2 T2V: stock Wan",
        {**below("diffusion_models", pair(_ORG, "t2v fp8")), **below("vae", ENCODERS)},
        taken(_ORG.format("high"), _ORG.format("low"), **FLAT),
        "stock",
    ),
    Layout(
        "QuantStack's GGUF in two folders: stock Wan",
        {**quant("Q8_0"), **ENCODERS},
        taken("Wan2.2-T2V-A14B-HighNoise-Q8_0.gguf", "Wan2.2-T2V-A14B-LowNoise-Q8_0.gguf", **FLAT),
        "stock",
    ),
    Layout(
        "QuantStack's GGUF, two sizes of each",
        {**quant("Q8_0"), **quant("Q4_K_M"), **ENCODERS},
        says="HighNoise-Q4_K_M.gguf or Wan2.2-T2V-A14B-HighNoise-Q8_0.gguf",
    ),
    Layout(
        "GGUF of the text encoder (city96's)",
        {**quant("Q8_0"), "umt5-xxl-encoder-Q8_0.gguf": "umt5 gguf", "vae.safetensors": "vae"},
        says="umt5-xxl-encoder-Q8_0.gguf is a text encoder in GGUF",
    ),
    Layout(
        "Wan's own release tree in shards",
        {
            "Wan2.2-T2V-A14B/high_noise_model/diffusion_pytorch_model": "shards:6",
            "Wan2.2-T2V-A14B/low_noise_model/diffusion_pytorch_model": "shards:6",
            "Wan2.2-T2V-A14B/high_noise_model/config.json": "config",
            "Wan2.2-T2V-A14B/low_noise_model/config.json": "config",
            **ORIGINAL,
        },
        taken(
            "diffusion_pytorch_model-00001-of-00006.safetensors",
            "diffusion_pytorch_model-00001-of-00006.safetensors",
            **OWN_PARTS,
        ),
        "stock",
        ask="Wan2.2-T2V-A14B",
    ),
    Layout(
        "Wan's own release tree, a shard lacking",
        {
            "Wan2.2-T2V-A14B/high_noise_model/diffusion_pytorch_model": "shards:6",
            "Wan2.2-T2V-A14B/low_noise_model/diffusion_pytorch_model": "shards:6:4",
            **ORIGINAL,
        },
        variant="stock",
        ask="Wan2.2-T2V-A14B",
        lacks=("transformer_2",),
    ),
    Layout(
        "The hub's cache: links to blobs, in two snapshots",
        {
            "blobs/1": "t2v",
            "blobs/2": "t2v",
            **{
                f"snapshots/{commit}/sparse_{noise}_noise.safetensors": f"link:blobs/{blob}"
                for commit in ("a1", "b2")
                for blob, noise in ((1, "high"), (2, "low"))
            },
            **below("snapshots/b2", ENCODERS),
        },
        taken("sparse_high_noise.safetensors", "sparse_low_noise.safetensors", **FLAT),
        "holocine-14b-sparse",
    ),
    Layout(
        "All files in one folder, HoloCine's names",
        {**pair("sparse_{}_noise.safetensors", "t2v"), **ENCODERS},
        taken("sparse_high_noise.safetensors", "sparse_low_noise.safetensors", **FLAT),
        "holocine-14b-sparse",
    ),
    Layout(
        "All files in one folder, names that say no variant",
        {**pair("{}.safetensors", "t2v"), **ENCODERS},
        says="nothing says whether high.safetensors and low.safetensors are HoloCine's full or",
    ),
    Layout(
        "The same with a card that says it",
        {
            **pair("{}.safetensors", "t2v"),
            **ENCODERS,
            "holocine.json": '{"attention": "sparse"}',
        },
        taken("high.safetensors", "low.safetensors", **FLAT),
        "holocine-14b-sparse",
    ),
    Layout(
        "Names that say neither high nor low, and a card that does",
        {
            "a.safetensors": "t2v",
            "b.safetensors": "t2v",
            **ENCODERS,
            "holocine.json": '{"attention": "full", "files": {"expert_high": "b.safetensors",'
            ' "expert_low": "a.safetensors"}}',
        },
        taken("b.safetensors", "a.safetensors", **FLAT),
        "holocine-14b-full",
    ),
    Layout(
        "Names that say neither high nor low",
        {"holocine_full_a.safetensors": "t2v", "holocine_full_b.safetensors": "t2v", **ENCODERS},
        says="the high-noise expert could be holocine_full_a.* or holocine_full_b",
    ),
    Layout(
        "A full and a sparse expert",
        {"full_high_noise.safetensors": "t2v", "sparse_low_noise.safetensors": "t2v", **ENCODERS},
        says="are of different variants of HoloCine",
    ),
    Layout(
        "The high-noise expert alone",
        {"HoloCine-full-high.safetensors": "t2v", **ENCODERS},
        variant="holocine-14b-full",
        lacks=("transformer_2",),
    ),
    Layout(
        "Kijai's text encoder, in Wan's own names and without a tokenizer",
        {
            **pair("sparse-{}.safetensors", "t2v"),
            "umt5-xxl-enc-bf16.safetensors": "umt5 by Wan",
            "Wan2_1_VAE_bf16.safetensors": "vae",
        },
        variant="holocine-14b-sparse",
        lacks=("tokenizer",),
    ),
    Layout(
        "Comfy-Org's I2V pair",
        {**pair("wan2.2_i2v_{}_noise_14B_fp16.safetensors", "i2v"), **ENCODERS},
        says=r"wan2.2_i2v_high_noise_14B_fp16.safetensors is an image-to-video transformer \(I2V\)",
    ),
    Layout(
        "I2V files renamed to HoloCine's",
        {**pair(DIT.format("full", "full"), "i2v"), **ORIGINAL},
        says=r"full_high_noise.safetensors is an image-to-video transformer \(I2V\)",
    ),
    Layout(
        "QuantStack's I2V as GGUF",
        {**quant("Q5_K_M", "i2v gguf", "I2V"), **ENCODERS},
        says=r"HighNoise-Q5_K_M.gguf is an image-to-video transformer \(I2V\)",
    ),
    Layout(
        "Wan2.1's I2V",
        {"wan2.1_i2v_480p_14B_fp16.safetensors": "i2v 2.1", **ENCODERS},
        says=r"is an image-to-video transformer \(I2V\)",
    ),
    Layout(
        "Wan2.2 Fun VACE",
        {**pair("wan2.2_fun_vace_{}_noise_14B_bf16.safetensors", "vace"), **ENCODERS},
        says="wan2.2_fun_vace_high_noise_14B_bf16.safetensors is a VACE transformer",
    ),
    Layout(
        "Wan2.2 S2V",
        {"wan2.2_s2v_14B_fp8_scaled.safetensors": "s2v", **ENCODERS},
        says=r"is a sound-to-video transformer \(S2V\)",
    ),
    Layout(
        "Wan2.2 Animate",
        {"Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors": "animate", **ENCODERS},
        says="is an Animate transformer",
    ),
    Layout(
        "Wan2.2 Fun Control",
        {**pair("wan2.2_fun_control_{}_noise_14B_bf16.safetensors", "fun control"), **ENCODERS},
        says=r"is a control transformer \(Fun Control\)",
    ),
    Layout(
        "Comfy-Org's TI2V-5B",
        {
            "wan2.2_ti2v_5B_fp16.safetensors": "ti2v",
            "umt5_xxl_fp16.safetensors": "umt5",
            "wan2.2_vae.safetensors": "vae 2.2",
        },
        says="wan2.2_ti2v_5B_fp16.safetensors is the transformer of Wan2.2's TI2V-5B",
    ),
    Layout(
        "Comfy-Org's Wan2.1 T2V 1.3B",
        {"wan2.1_t2v_1.3B_fp16.safetensors": "t2v 1.3b", **ENCODERS},
        {"transformer": "wan2.1_t2v_1.3B_fp16.safetensors", **FLAT},
        "stock",
    ),
    Layout(
        "Comfy-Org's Wan2.1 T2V 14B",
        {"wan2.1_t2v_14B_bf16.safetensors": "t2v", **ENCODERS},
        {"transformer": "wan2.1_t2v_14B_bf16.safetensors", **FLAT},
        "stock",
    ),
    Layout(
        "The small Wan2.1 in a folder that is called low",
        {"low/wan2.1_t2v_1.3B_fp16.safetensors": "t2v 1.3b", **ENCODERS},
        {"transformer": "wan2.1_t2v_1.3B_fp16.safetensors", **FLAT},
        "stock",
    ),
    Layout(
        "Wan2.2's VAE in place of Wan2.1's",
        {
            **pair("sparse_{}_noise.safetensors", "t2v"),
            "umt5_xxl_fp16.safetensors": "umt5",
            "Wan2.2_VAE.safetensors": "vae 2.2",
        },
        says="Wan2.2_VAE.safetensors is Wan2.2's VAE of stride 16",
    ),
    Layout(
        "A page saved as the low-noise expert",
        {
            "full_high_noise.safetensors": "t2v",
            "full_low_noise.safetensors": "page",
            **ENCODERS,
        },
        says="full_low_noise.safetensors holds no weights: it is a web page",
    ),
    Layout(
        "A page saved as the text encoder",
        {
            **pair("sparse_{}_noise.safetensors", "t2v"),
            **ENCODERS,
            "umt5_xxl_fp16.safetensors": "page",
        },
        says="umt5_xxl_fp16.safetensors holds no weights: it is a web page",
    ),
    Layout(
        "Another network in the VAE's folder",
        {
            **pair("sparse_{}_noise.safetensors", "t2v"),
            "umt5_xxl_fp16.safetensors": "umt5",
            "vae/ae.safetensors": "clip",
        },
        says="ae.safetensors is no network that holocine knows",
    ),
    Layout(
        "git-lfs pointers in place of GGUF files",
        {**quant("Q8_0", "pointer"), **ENCODERS},
        says="HighNoise-Q8_0.gguf holds no weights: it is a git-lfs pointer",
    ),
)
