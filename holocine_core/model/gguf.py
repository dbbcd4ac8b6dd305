"""Transformers from GGUF files in Wan's original key names (the community's low-memory format)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from holocine_core.errors import MachineError
from holocine_core.model.components import ComponentFiles
from holocine_core.model.failures import misread
from holocine_core.model.gguf_header import lacking_package

Check = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], ComponentFiles], None]


def load_gguf_transformer(
    files: ComponentFiles, dtype: torch.dtype, network: Any, check: Check
) -> Any:
    """The transformer with its linear layers still quantised; they unpack as they compute.

    Args:
        files: One GGUF file in original key names.
        dtype: Type of computation. Sensitive layers are unpacked to float32.
        network: The empty network, to compare names and shapes with.
        check: Raises where they differ.

    Raises:
        MachineError: Where the package gguf lacks, or the file is another network's.
    """
    if (lacking := lacking_package(files.paths[0])) is not None:
        raise MachineError(lacking.message, where=lacking.where, hint=lacking.hint)
    from diffusers import GGUFQuantizationConfig, WanTransformer3DModel
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    (path,) = files.paths
    shapes = _shapes(path)
    with misread(path):
        shapes = convert_wan_transformer_to_diffusers(shapes)
    check(network.state_dict(), shapes, files)
    with misread(path):
        weights = _weights(path, network._keep_in_fp32_modules, dtype)
        return WanTransformer3DModel.from_single_file(
            convert_wan_transformer_to_diffusers(weights),
            config=str(files.config),
            quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
            torch_dtype=dtype,
            local_files_only=True,
        )


def _shapes(path: Path) -> dict[str, Tensor]:
    """Name -> a tensor without memory of the shape the weight unpacks to."""
    from gguf import GGUFReader

    with misread(path):
        reader = GGUFReader(path)
        # GGUF lists dimensions from the fastest to the slowest.
        return {
            tensor.name: torch.empty([int(n) for n in reversed(tensor.shape)], device="meta")
            for tensor in reader.tensors
        }


def _weights(path: Path, keep: list[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Packed weights; sensitive layers unpacked to float32, the convolution to ``dtype``."""
    from diffusers.models.model_loading_utils import load_gguf_checkpoint
    from diffusers.quantizers.gguf.utils import GGUFParameter, dequantize_gguf_tensor
    from gguf import GGMLQuantizationType

    try:
        packed = load_gguf_checkpoint(str(path))
    except ValueError as unsupported:
        raise MachineError(
            f"{path.name} is packed in a way diffusers does not know",
            where=str(path),
            hint="use a file of another kind, such as Q8_0 or Q4_K",
        ) from unsupported

    def unpacked(name: str, tensor: Any) -> Tensor:
        # diffusers computes with packed weights in linear layers only. What is packed as bfloat16
        # is as small unpacked, and a LoRA can be added to it.
        sensitive = _sensitive(name, keep)
        plain_already = tensor.quant_type == GGMLQuantizationType.BF16
        if not (sensitive or plain_already or name.startswith("patch_embedding")):
            return cast(Tensor, tensor)
        plain: Tensor = dequantize_gguf_tensor(tensor)
        return plain.float() if sensitive else plain.to(dtype)

    return {
        name: unpacked(name, tensor) if isinstance(tensor, GGUFParameter) else tensor
        for name, tensor in packed.items()
    }


def _sensitive(name: str, keep: list[str]) -> bool:
    """Whether a weight, by its original name, is in one of diffusers' modules to keep float32."""
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    (renamed,) = convert_wan_transformer_to_diffusers({name: None})
    return not set(keep).isdisjoint(renamed.split("."))
