"""A random checkpoint of HoloCine-14B's real size, filmed on a CPU with `--memory stream`.

    python -m benchmarks.full_size --work DIR [--layers 40] [--keep]

Writes the release's tree below DIR (41 GB: one expert's file, which is the second's too, Wan's text
encoder and VAE), films two steps of five frames at a tiny size with `holocine render`, one step by
each expert, and tells the time, the most anonymous memory and the bytes read from disk. With fewer
layers the experts and the text encoder are shortened, for a trial.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from benchmarks.machine import machine
from benchmarks.quick import parsed, scratch
from holocine_core.model import networks
from holocine_core.model.tiny_tokenizer import build_tokenizer
from tests.model.checkpoints import WAN, original_transformer

CONFIGS = Path(networks.__file__).parent / "configs" / "wan2.2-t2v-a14b"
FILM = """
model: {model}
size: 64x48
profiles: {{standard: {{steps: 2, guidance: 1}}}}
global: A quiet room.
frames: 5
shots: [A lamp is lit.]
"""
NAMES = {torch.bfloat16: "BF16", torch.float32: "F32"}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "transformer": {
        "num_attention_heads": 2,
        "attention_head_dim": 24,
        "ffn_dim": 96,
        "freq_dim": 64,
        "text_dim": 32,
    },
    "text_encoder": {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "vocab_size": 8192},
    "vae": {"base_dim": 4, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1},
}
"""What is smaller of each network in a quick run."""
CHUNK = 2**24
"""Numbers that are drawn once and written over and over."""
_GLANCE = 0.05


def write_random(path: Path, shapes: Mapping[str, torch.Size], dtype: torch.dtype) -> None:
    """A safetensors file of random weights, larger than memory if need be."""
    if path.exists():
        return
    size = dtype.itemsize
    entries: dict[str, Any] = {}
    at = 0
    for name, shape in shapes.items():
        end = at + shape.numel() * size
        entries[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [at, end]}
        at = end
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    drawn = torch.randn(CHUNK, generator=torch.Generator().manual_seed(0)).mul_(0.02).to(dtype)
    chunk = drawn.view(torch.uint8).numpy().tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        left = at
        while left:
            left -= file.write(chunk[: min(left, len(chunk))])
    part.replace(path)


def config_of(name: str, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CONFIGS / name / "config.json").read_text())
    return {**told, **changes}


def write_release(root: Path, layers: int, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """The release's tree, with both experts in one file."""
    of = {name: dict(changes.get(name, {})) for name in ("transformer", "text_encoder", "vae")}
    home = root / "HoloCine_dit" / "sparse"
    home.mkdir(parents=True, exist_ok=True)
    config = config_of("transformer", num_layers=layers, **of["transformer"])
    (home / "config.json").write_text(json.dumps(config))
    with torch.device("meta"):
        plain = {key: value for key, value in config.items() if not key.startswith("_")}
        state = original_transformer(WanTransformer3DModel(**plain).state_dict())
    shapes = {name: tensor.shape for name, tensor in state.items()}
    write_random(home / "sparse_high_noise.safetensors", shapes, torch.bfloat16)
    second = home / "sparse_low_noise.safetensors"
    if not second.exists():
        second.symlink_to("sparse_high_noise.safetensors")
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(root / WAN / "tokenizer")
    text = config_of("text_encoder", num_layers=min(24, layers), **of["text_encoder"])
    home = root / WAN / "text_encoder"
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.json").write_text(json.dumps(text))
    with torch.device("meta"):
        encoder = UMT5EncoderModel(
            UMT5Config(**{k: v for k, v in text.items() if "dtype" not in k})
        )
    shapes = {
        name: tensor.shape
        for name, tensor in encoder.state_dict().items()
        if name != "encoder.embed_tokens.weight"
    }
    write_random(home / "model.safetensors", shapes, torch.bfloat16)
    home = root / WAN / "vae"
    home.mkdir(parents=True, exist_ok=True)
    config = config_of("vae", **of["vae"])
    (home / "config.json").write_text(json.dumps(config))
    plain = {k: v for k, v in config.items() if not k.startswith("_")}
    with torch.device("meta"):
        state = AutoencoderKLWan(**plain).state_dict()
    shapes = {name: tensor.shape for name, tensor in state.items()}
    write_random(home / "diffusion_pytorch_model.safetensors", shapes, torch.float32)


def told_of(process: int, file: str, key: str) -> int:
    """A number of a process's status or io, in bytes; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, value = line.partition(":")
        if name == key:
            number, *unit = value.split()
            return int(number) * (1024 if unit else 1)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--keep", action="store_true", help="leave the files there")
    args = parsed(parser, work=scratch, layers=2)
    root = args.work.resolve() / "release"
    started = time.perf_counter()
    write_release(root, args.layers, SMALL if args.quick else {})
    size = sum(path.stat().st_size for path in root.rglob("*.safetensors") if not path.is_symlink())
    print(f"*{machine()}; {size / 1e9:.1f} GB written in {time.perf_counter() - started:.0f} s*\n")
    shutil.rmtree(args.work / ".holocine", ignore_errors=True)  # An earlier run's film.
    film = args.work / "film.yaml"
    film.write_text(FILM.format(model=root))
    words = ["render", film.name, "--device", "cpu", "--memory", "stream", "--force", "-qq"]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "holocine_cli", *words], cwd=args.work)
    anonymous = mapped = read = 0
    while process.poll() is None:
        anonymous = max(anonymous, told_of(process.pid, "status", "RssAnon"))
        mapped = max(mapped, told_of(process.pid, "status", "RssFile"))
        read = max(read, told_of(process.pid, "io", "read_bytes"))
        time.sleep(_GLANCE)
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"the render ended with {process.returncode}")
    logs = (args.work / ".holocine").rglob("run.jsonl")
    events = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    steps = [event["seconds"] for event in events if event["event"] == "StepDone"][-2:]
    print("| layers | s | steps: s | anonymous: GiB | mapped: GiB | read: GB |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {args.layers} | {seconds:.0f} | {', '.join(f'{one:.0f}' for one in steps)} | "
        f"{anonymous / 2**30:.1f} | {mapped / 2**30:.1f} | {read / 1e9:.1f} |"
    )
    if not args.keep:
        for path in root.rglob("*.safetensors"):
            path.unlink()


if __name__ == "__main__":
    main()
