"""The networks of a run: opened from a model folder, their trained part in float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from holocine_core.errors import InputError, MachineError
from holocine_core.model.attention.cpu import computes_bf16
from holocine_core.model.attention.layout import ShotContext, install, leave_uncompiled
from holocine_core.model.attention.ulysses import Ulysses
from holocine_core.model.components import ComponentFiles, LocatedModel
from holocine_core.model.devices import imagined
from holocine_core.model.headers import read_header
from holocine_core.model.locate import find_model, load_tokenizer
from holocine_core.model.parallel import Team
from holocine_core.model.weights import load_component
from holocine_core.train.check import cache_folder
from holocine_core.train.data.texts import Texts
from holocine_core.train.data.worlds import FactReader, drawn_world
from holocine_core.train.lora import add_matrices
from holocine_core.train.recipe import Recipe
from holocine_core.train.sharding import refuse_undivided, shard

EXPERTS = {"high": "transformer", "low": "transformer_2"}
EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model as it was found, before its networks are opened.

    Attributes:
        located: Its files.
        part: The transformer that is trained, ``transformer`` or ``transformer_2``.
        tokenizer: A ``tokenizers.Tokenizer``.
        texts: The prompts that are encoded once; None where the encoder learns.
        device: Where networks go.
        lora_bf16: Whether what stands still is stored in bfloat16.
    """

    located: LocatedModel
    part: str
    tokenizer: Any
    texts: Texts | None
    device: torch.device
    lora_bf16: bool

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights as they are opened."""
        return torch.bfloat16 if self.lora_bf16 else torch.float32

    def open_encoder(self) -> Any:
        """The text encoder, on the device."""
        return _opened(self.located, "text_encoder", self.device, self.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingModel:
    """What a training step needs of a model.

    Attributes:
        source: Where they come from.
        transformer: With shot-aware attention that follows ``context``.
        text_encoder: A T5-like encoder; None where all prompts were encoded before.
        context: Set to a batch's layout before the transformer runs.
        trained: Name -> parameter, for all that moves.
        reader: Of the second task (see train/data/worlds.py); None where the recipe has none.
        team: The ranks that train it together; None where one process does.
        ulysses: What parts a clip's tokens among them.
    """

    source: Source
    transformer: Any
    text_encoder: Any
    context: ShotContext
    trained: dict[str, nn.Parameter]
    reader: FactReader | None = None
    team: Team | None = None
    ulysses: Ulysses | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes what is made."""
        return self.team is None or self.team.leads

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Passes, forward and back, that ranks make which share a clip."""
        if self.team is None or self.ulysses is None:
            yield
            return
        with self.ulysses.over(self.team.tokens):
            yield

    @property
    def located(self) -> LocatedModel:
        """The model's files."""
        return self.source.located

    @property
    def part(self) -> str:
        """The transformer that is trained, ``transformer`` or ``transformer_2``."""
        return self.source.part

    @property
    def tokenizer(self) -> Any:
        """A ``tokenizers.Tokenizer``."""
        return self.source.tokenizer

    @property
    def texts(self) -> Texts | None:
        """The prompts as they were encoded once; None where they are encoded in every pass."""
        return self.source.texts

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.source.device

    @property
    def sigmas(self) -> tuple[float, float]:
        """The noise levels that the trained transformer answers for."""
        spec = self.located.spec
        if spec.experts == 1:
            return 0.0, 1.0
        return (spec.boundary, 1.0) if self.part == "transformer" else (0.0, spec.boundary)


def find_base(folder: Path) -> LocatedModel:
    """The model that a recipe's `model.folder` means: a pipeline folder, or a name of `holocine
    models list`."""
    return find_model(str(folder))


def find_source(recipe: Recipe, folder: Path, device: torch.device) -> Source:
    """Find a recipe's model in a pipeline folder; no network is opened.

    Raises:
        InputError: The folder holds no such model, or the recipe does not fit it.
        MachineError: Files are missing.
    """
    located = find_base(folder)
    located.require()
    tokenizer = load_tokenizer(located)
    texts = None
    if "text_encoder" not in recipe.parts:
        bf16 = computes_bf16(recipe.precision, device)
        texts = Texts(cache_folder(recipe), located, tokenizer, bf16=bf16)
    return Source(
        located=located,
        part=expert_part(recipe, located, folder),
        tokenizer=tokenizer,
        texts=texts,
        device=device,
        # What only stands still may be stored as it computes.
        lora_bf16=recipe.train == "lora" and computes_bf16(recipe.precision, device),
    )


def open_networks(recipe: Recipe, folder: Path, device: torch.device) -> TrainingModel:
    """A recipe's networks out of a pipeline folder, the text encoder among them; errors as of
    :func:`find_source` and :func:`assemble`."""
    return assemble(recipe, find_source(recipe, folder, device), encoder=True)


def assemble(
    recipe: Recipe, source: Source, team: Team | None = None, *, encoder: bool = False
) -> TrainingModel:
    """Open a recipe's networks.

    Args:
        recipe: The run.
        source: Where they are.
        team: The ranks that part the transformer's weights among them.
        encoder: Whether to open the text encoder even where all prompts were encoded before.

    Raises:
        InputError: The recipe does not fit them.
        MachineError: Files are missing or damaged.
    """
    device = source.device
    if team is None:
        transformer = _opened(source.located, source.part, device, source.dtype)
    else:
        refuse_undivided(recipe)
        files = source.located.component(source.part)
        # As they lie in their file: every rank would hold all of them widened in main memory.
        transformer = load_component(files, torch.bfloat16 if _is_bf16(files) else source.dtype)
    draws = any(phase.data is None for phase in recipe.phases)
    needed = encoder or draws or source.texts is None
    text_encoder = source.open_encoder() if needed else None
    if recipe.checkpoint_activations:
        transformer.enable_gradient_checkpointing()
    context = ShotContext()
    install(transformer, context)
    if recipe.train == "lora":
        add_matrices(transformer, recipe.lora, recipe.seed)
    ulysses = None
    if team is not None:
        ulysses = Ulysses(transformer, context)
        shard(transformer, team, source.dtype)
    trained = _trained(recipe, transformer, text_encoder)
    if recipe.compile:
        leave_uncompiled(transformer)
        # One version for every block and length of text.
        transformer.compile_repeated_blocks(dynamic=True)
    reader = _reader(recipe, transformer, device) if recipe.facts else None
    if reader is not None:
        trained |= {f"facts.{name}": each for name, each in reader.named_parameters()}
    return TrainingModel(
        source=source,
        transformer=transformer,
        text_encoder=text_encoder,
        context=context,
        trained=trained,
        reader=reader,
        team=team,
        ulysses=ulysses,
    )


def _reader(recipe: Recipe, transformer: Any, device: torch.device) -> FactReader:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        config = transformer.config
        width = config.num_attention_heads * config.attention_head_dim
        return drawn_world().reader(width).to(device)


def expert_part(recipe: Recipe, located: LocatedModel, folder: Path) -> str:
    """Name of the transformer that the recipe trains."""
    if located.spec.experts == 2 and recipe.expert is None:
        raise InputError(
            "the model has two experts and the recipe does not say which one to train",
            where=str(folder),
            hint="add `expert: both`, `expert: high` or `expert: low`",
        )
    if located.spec.experts == 1 and recipe.expert is not None:
        raise InputError(
            "the model has one transformer, not two experts",
            where=str(folder),
            hint="drop `expert`",
        )
    return EXPERTS.get(recipe.expert or "", "transformer")


def _is_bf16(files: ComponentFiles) -> bool:
    """Whether a part's file holds nothing that bfloat16 would round."""
    from diffusers import WanTransformer3DModel

    if files.form in ("gguf", "pth"):
        return False
    kept = frozenset(WanTransformer3DModel._keep_in_fp32_modules or ())
    return all(
        entry.dtype == "BF16" or kept.intersection(name.split("."))
        for path in files.paths
        for name, entry in read_header(path).items()
    )


def _opened(located: LocatedModel, part: str, device: torch.device, dtype: torch.dtype) -> Any:
    network = load_component(located.component(part), dtype)
    for parameter in network.parameters():
        # What was loaded still lies in its file.
        parameter.data = parameter.data.to(device, copy=True)
    return network.to(device)


def _trained(recipe: Recipe, transformer: Any, text_encoder: Any) -> dict[str, nn.Parameter]:
    if recipe.train == "lora":
        return {
            f"transformer.{name}": parameter
            for name, parameter in transformer.named_parameters()
            if parameter.requires_grad
        }
    networks = {"transformer": transformer, "text_encoder": text_encoder}
    trained = {}
    for part in recipe.parts:
        for name, parameter in networks[part].named_parameters():
            if part == "text_encoder" and name in EMBEDDINGS and not recipe.words:
                continue
            parameter.requires_grad_(True)
            trained[f"{part}.{name}"] = parameter
    return trained


def open_device(name: str) -> torch.device:
    """The device a run is on; ``auto`` takes a GPU where there is one.

    Raises:
        MachineError: A GPU is asked for and torch sees none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if imagined(name):
        raise InputError(
            f"{name} is a GPU to plan films for",
            where="--device",
            hint="a dry run tells what a device needs; auto, cpu, cuda, ...",
        )
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise MachineError(
            f"torch {torch.__version__} sees no GPU",
            where=name,
            hint="--device cpu works everywhere",
        )
    try:
        return torch.device(name)
    except RuntimeError as unknown:
        raise InputError(f"--device {name} is no device", hint="auto, cpu, cuda, ...") from unknown


def count(trained: dict[str, nn.Parameter]) -> int:
    """Numbers that are trained."""
    return sum(parameter.numel() for parameter in trained.values())


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """A network's weights by their names in files."""
    return {name: value.detach() for name, value in network.state_dict().items()}
