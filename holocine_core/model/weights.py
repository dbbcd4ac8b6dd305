"""Weight files -> networks on the CPU, every key accounted for.

Networks are built without memory and filled with tensors that still lie in their files
(memory-mapped), so loading 28 GB takes no second 28 GB: only what changes its type is copied.
A missing, unexpected or wrongly shaped key is an error, never a warning.
"""

from __future__ import annotations

import contextlib
import inspect
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from holocine_core.errors import InputError, MachineError
from holocine_core.model import lean, umt5
from holocine_core.model.components import ComponentFiles
from holocine_core.model.config_schema import FLOATS, read_config
from holocine_core.model.failures import misread
from holocine_core.model.fp8 import ScaledWeight, Weights, leave_in_fp8, same, with_scales
from holocine_core.model.gguf import load_gguf_transformer
from holocine_core.model.headers import TensorEntry, read_header
from holocine_core.model.names import text_encoder_names
from holocine_core.model.on_disk import FOLD_CLASS, PLACED_CLASS, VAE_PREFIX
from holocine_core.model.scales import stays_float8

_DTYPES = {
    **{"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "U8": torch.uint8},
    **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2},
}
_SHOWN = 3
_IDLE = frozenset({"clip_output"})
"""Keys of published configs that no code reads."""
_COPIED = 2**30
"""Bytes of a streamed part that may be copied: norms and the like are float32 in the network."""


def load_component(
    files: ComponentFiles, dtype: torch.dtype, *, read_only: bool = False, keep_fp8: bool = False
) -> Any:
    """The network of one part (any but the tokenizer), on the CPU, frozen and in eval mode.

    Args:
        files: What ``find_model`` located.
        dtype: Type of the weights. The VAE stays float32; so do a transformer's sensitive layers.
        read_only: Whether nobody will write into the weights: see :func:`read_state_dict`.
        keep_fp8: Whether what a transformer's file holds in float8 may stay so and be widened as it
            computes (``holocine_core.model.fp8``), to the bits that it is widened to here else.

    Raises:
        MachineError: Where a file is damaged or does not hold exactly this network.
    """
    if files.name.startswith("transformer"):
        network = load_transformer(files, dtype, read_only, keep_fp8)
    else:
        network = _LOADERS[files.name](files, dtype, read_only)
    return network.eval().requires_grad_(False)


def load_transformer(
    files: ComponentFiles, dtype: torch.dtype, read_only: bool = False, keep_fp8: bool = False
) -> Any:
    """diffusers' WanTransformer3DModel from its own or Wan's original key names, or from GGUF.

    The layers of ``_keep_in_fp32_modules`` (time embedding, modulation tables, norms) are float32
    whatever ``dtype`` is: in bfloat16 they cost visible quality.
    """
    network = empty_network(files)
    if files.form == "gguf":
        return load_gguf_transformer(files, dtype, network, check_state)
    state = _to_diffusers(files, _read_state(files, read_only))
    check_state(network.state_dict(), state, files)
    stays = leave_in_fp8(network, state, dtype) if keep_fp8 else {}
    _fill(network, state, dtype, keep=network._keep_in_fp32_modules, stays=stays)
    return network


def load_vae(
    files: ComponentFiles, dtype: torch.dtype = torch.float32, read_only: bool = False
) -> Any:
    """An AutoencoderKLWan or AutoencoderFold in float32, whatever ``dtype`` is asked for."""
    network = empty_network(files)
    state = _to_diffusers(files, _read_state(files, read_only))
    check_state(network.state_dict(), state, files)
    _fill(network, state, torch.float32)
    return network


def load_text_encoder(files: ComponentFiles, dtype: torch.dtype, read_only: bool = False) -> Any:
    """transformers' UMT5EncoderModel, or the same without transformers in a lean process; its two
    names for the embedding tied to one tensor."""
    network = empty_network(files)
    state = _to_diffusers(files, _read_state(files, read_only))
    check_state(network.state_dict(), state, files)
    _fill(network, state, dtype)
    network.set_input_embeddings(network.shared)
    embedding = network.encoder.embed_tokens.weight
    # A sample of rows: the whole embedding is 2 GB, and the fault this finds zeroes all of it.
    if not embedding[:: max(1, len(embedding) // 4096)].any():
        raise MachineError(
            "the text encoder's embedding holds only zeros: it would ignore the prompt",
            where=files.where,
            hint="fetch the text encoder again",
        )
    return network


_LOADERS: Mapping[str, Callable[[ComponentFiles, torch.dtype, bool], Any]] = {
    "text_encoder": load_text_encoder,
    "vae": load_vae,
}


def require_mapped(files: ComponentFiles, dtype: torch.dtype) -> None:
    """Raise MachineError where a part's weights would be copied into memory instead of lying in
    their files: those of another type than the network's, but for what stays in float8."""
    if files.form == "pth" or files.name == "vae":
        return  # Their types are the release's; the VAE is small.
    copied = sum(
        entry.elements * dtype.itemsize
        for path in files.paths
        for name, entry in read_header(path).items()
        if _DTYPES.get(entry.dtype) != dtype and not stays_float8(files.name, name, entry)
    )
    if copied > _COPIED:
        name, size = str(dtype).removeprefix("torch."), f"{copied / 2**30:.1f} GiB"
        raise MachineError(
            f"{size} of the {files.name} are not {name} in their files and would be copied",
            where=files.where,
            hint=f"stream a {name} file, or choose another placement",
        )


def differences(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Missing, unexpected and wrongly shaped keys, each as a short sentence."""
    missing = [f"{name} is missing" for name in wanted if name not in given]
    unexpected = [f"{name} is unexpected" for name in given if name not in wanted]
    misshaped = [
        f"{name} is {_size(given[name])}, not {_size(wanted[name])}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    return [*missing, *unexpected, *misshaped]


def check_state(wanted: Mapping[str, Any], given: Mapping[str, Any], files: ComponentFiles) -> None:
    """Raise MachineError, naming the first keys, unless both have the same names and shapes."""
    found = differences(wanted, given)
    if not found:
        return
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    said = f"{'; '.join(found[:_SHOWN])}{more}{files.by_config}"
    raise MachineError(
        f"{files.paths[0].name} does not fit the network: {said}",
        where=files.where,
        hint="the file belongs to another model, or its config.json does",
    )


def empty_network(files: ComponentFiles) -> Any:
    """The part's network by its config, its parameters without memory (on the meta device)."""
    from accelerate import init_empty_weights
    from diffusers import AutoencoderKLWan, WanTransformer3DModel

    from holocine_core.model.nano_net.codec import AutoencoderFold
    from holocine_core.model.nano_net.positions import PlacedWanTransformer3DModel

    if files.config is None:
        raise ValueError(f"{files.name} comes without a config")
    config = read_config(files.config, files.name)
    # Buffers are no part of a checkpoint (RoPE's tables): they must be real from the start.
    with init_empty_weights(include_buffers=False):
        if files.name == "text_encoder":
            return _empty_text_encoder(config, files.config)
        if files.name == "vae":
            # A VAE's config may leave its class out: release trees bring none.
            kind = AutoencoderFold if config.get("_class_name") == FOLD_CLASS else AutoencoderKLWan
        else:
            placed = config.get("_class_name") == PLACED_CLASS
            kind = PlacedWanTransformer3DModel if placed else WanTransformer3DModel
        known = inspect.signature(kind.__init__).parameters.keys()
        strange = [key for key in config if not key.startswith("_") and key not in known | _IDLE]
        if strange or config.get("_class_name", kind.__name__) != kind.__name__:
            raise InputError(
                f"this is no config of {kind.__name__}"
                + (f": unknown {', '.join(strange[:_SHOWN])}" if strange else ""),
                where=str(files.config),
                hint="take the config.json that belongs to the weights, in diffusers' layout",
            )
        with _refusals(kind.__name__, files.config):
            return kind.from_config(config)


@contextlib.contextmanager
def _refusals(kind: str, path: Path) -> Iterator[None]:
    """Sizes that are possible each, and make no network together, as the one who builds it says."""
    from huggingface_hub.errors import StrictDataclassError

    known = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RuntimeError)
    try:
        yield
    except (*known, StrictDataclassError) as refused:
        raise InputError(
            f"no {kind} can be made of this config: {str(refused).strip():.300}",
            where=str(path),
            hint="take the config.json that belongs to the weights, in diffusers' layout",
        ) from refused


def _empty_text_encoder(config: Mapping[str, Any], path: Path) -> Any:
    if lean.is_lean() and umt5.reads(config):
        return umt5.Umt5Encoder(config)
    from transformers import UMT5Config, UMT5EncoderModel

    if config.get("model_type") != "umt5":
        raise InputError(
            f"the text encoder must be of type umt5, not {config.get('model_type')}",
            where=str(path),
        )
    # Types are chosen at loading; the one a config names belongs to the file it came with.
    settings = {key: value for key, value in config.items() if "dtype" not in key}
    # A whole number is a number in JSON; transformers wants its point.
    settings |= {key: float(settings[key]) for key in FLOATS if key in settings}
    with _refusals("UMT5EncoderModel", path):
        return UMT5EncoderModel(UMT5Config(**settings))


def _read_state(files: ComponentFiles, read_only: bool) -> Weights:
    """Every weight of a part's files; InputError or MachineError where one is of no use."""
    read = {path: read_state_dict(path, read_only=read_only) for path in files.paths}
    return with_scales(files.name, read)


def read_state_dict(
    path: Path, inside: str | None = None, *, read_only: bool = False
) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a torch file (.pth). Nothing in one of these is
    executed: other objects than tensors are refused.

    Args:
        path: The file.
        inside: The entry that holds them, where a torch file has such an entry.
        read_only: Map a safetensors file such that writing into a tensor ends the process. Linux
            counts a mapping that may be written as memory, and refuses it where the file is larger
            than all of that: HoloCine's 28.6 GB on a machine of 24.

    Raises:
        MachineError: It is damaged, or no list of weights.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        entries = read_header(path)
        known = all(entry.dtype in _DTYPES for entry in entries.values())
        with misread(path):
            return _mapped(path, entries) if read_only and known else dict(load_file(path))
    try:
        with misread(path):
            state = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except pickle.UnpicklingError as unsafe:
        raise MachineError(
            f"{path.name} holds more than weights and is not opened",
            where=str(path),
            hint="get the file from its publisher, or the safetensors version",
        ) from unsafe
    if isinstance(state, dict) and inside in state:
        state = state[inside]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise MachineError(f"{path.name} is no list of weights", where=str(path))
    return state


def _mapped(path: Path, entries: Mapping[str, TensorEntry]) -> dict[str, Tensor]:
    """A safetensors file's tensors where they lie in it."""
    import numpy as np

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable")
        whole = torch.from_numpy(np.memmap(path, np.uint8, "r"))
    state: dict[str, Tensor] = {}
    for name, entry in entries.items():
        dtype = _DTYPES[entry.dtype]
        part = whole[entry.start : entry.stop]
        if entry.start % dtype.itemsize:
            part = part.clone()
        state[name] = part.view(dtype).view(entry.shape)
    return state


def named_as_diffusers(files: ComponentFiles) -> dict[str, Tensor]:
    """A part's tensors as they lie in its files, by the names diffusers and transformers give
    them; they are not to be written into. Those in float8 are widened to bfloat16.

    Raises:
        MachineError: A file is damaged.
    """
    state = _to_diffusers(files, _read_state(files, read_only=True))
    return {
        name: value.to(torch.bfloat16) if isinstance(value, ScaledWeight) else value
        for name, value in state.items()
    }


def _to_diffusers(files: ComponentFiles, state: Weights) -> Weights:
    """The same tensors under the names diffusers and transformers give them."""
    from diffusers.loaders.single_file_utils import (
        convert_wan_transformer_to_diffusers,
        convert_wan_vae_to_diffusers,
    )

    count = len(state)
    if files.name == "text_encoder":
        if files.form != "diffusers":
            with misread(files.paths[0]):
                state = text_encoder_names(state)
        return _tie_embeddings(state, files)
    if files.form == "diffusers":
        return state
    if files.name == "vae":
        state = {name.removeprefix(VAE_PREFIX): value for name, value in state.items()}
    convert = (
        convert_wan_vae_to_diffusers
        if files.name == "vae"
        else convert_wan_transformer_to_diffusers
    )
    with misread(files.paths[0]):
        renamed: Weights = convert(dict(state))
    if len(renamed) != count:
        raise MachineError(
            f"{count - len(renamed)} weights share their name with another",
            where=files.where,
            hint="the file mixes two namings: get it from its publisher again",
        )
    return renamed


def _tie_embeddings(state: Weights, files: ComponentFiles) -> Weights:
    """Both names of the embedding for the one tensor; files hold either name, or both."""
    names = ("shared.weight", "encoder.embed_tokens.weight")
    held = [state[name] for name in names if name in state]
    if len(held) == 2 and not held[0].is_meta and not same(*held):
        raise MachineError(
            "the text encoder's two embeddings differ",
            where=files.where,
            hint="fetch the text encoder again",
        )
    return {**state, **dict.fromkeys(names, held[0])} if held else state


def _fill(
    network: nn.Module,
    state: Weights,
    dtype: torch.dtype,
    *,
    keep: Iterable[str] = (),
    stays: Mapping[str, Tensor] | None = None,
) -> None:
    """Give a network its weights: those of modules named ``keep`` in float32, those that stay as
    they are, and the others in ``dtype``."""
    kept = frozenset(keep)
    cast = {
        name: tensor.to(torch.float32 if kept.intersection(name.split(".")) else dtype)
        for name, tensor in state.items()
    }
    network.load_state_dict({**cast, **(stays or {})}, strict=True, assign=True)


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
