"""A folder that is given as a model and is a training run: what of it is the model. No torch here.

May import: errors.
"""

from __future__ import annotations

from pathlib import Path

from holocine_core.errors import InputError

_EXPERTS = ("", "high", "low")
"""Folders of a run's checkpoints: its own, and those of two experts that are trained in turn."""


def is_training_run(folder: Path) -> bool:
    """Whether training keeps a run in a folder: it has checkpoints, or began from a new model."""
    kept = ("start.json", "checkpoints/latest.json")
    return any((folder / part / name).is_file() for part in _EXPERTS for name in kept)


def refusal_of_run(folder: Path) -> InputError:
    """That a folder is a training run and no model, with what it has made so far."""
    models = [path.parent for path in folder.glob("model*/model_index.json")]
    loras = sorted(folder.glob("lora*.safetensors"))
    if models:
        # The finished one, else that of the most steps: names hold them with all their digits.
        model = folder / "model" if folder / "model" in models else max(models)
        hint = f"its model is {model}"
    elif loras:
        hint = f"its LoRA goes onto the model that it was trained on: --lora {loras[0]}"
    else:
        hint = (
            "it has made no model yet: train to the end, or have one of the latest checkpoint "
            "with holocine train RECIPE --export"
        )
    return InputError(f"{folder} is a training run, and no model", where=str(folder), hint=hint)
