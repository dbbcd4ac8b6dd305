"""What is wrong with a LoRA's numbers, before any network is loaded. No torch here."""

from __future__ import annotations

from collections.abc import Mapping

from holocine_core.errors import InputError, MachineError, Problem
from holocine_core.model.components import LocatedModel
from holocine_core.model.entries import read_entries
from holocine_core.model.fitting import held
from holocine_core.model.lora.file import PARTS, LoraFile
from holocine_core.model.lora.places import by_layer, refusal
from holocine_core.model.values import Seen, look_through

_FACTORS = ("hada_", "lokr_")
_ALONE = ("weight", "bias", "up_bias", "modulation")


def unfit_numbers(lora: LoraFile, located: LocatedModel) -> Problem | None:
    """What is infinite, no number, or all zero for an expert that takes the file.

    Args:
        lora: A file that :func:`holocine_core.model.lora.fitting.misfit` finds no fault in.
        located: The model.
    """
    try:
        seen = {one.name: one for one in look_through(lora.path, read_entries(lora.path))}
        odd = [one for one in seen.values() if one.odd]
        if odd:
            what = f"it holds values that are not finite ({odd[0].name})"
            raise refusal(lora.path, what, "fetch or train it again")
        for part, expert in PARTS.items():
            files = located.components.get(part)
            if files is None or not lora.changes(part):
                continue
            weighted = [name.removesuffix(".weight") for name in held(files)]
            layers = by_layer(seen, part, lora, weighted)
            if not any(_acts(dict(roles)) for roles in layers.values()):
                raise refusal(
                    lora.path,
                    f"all its matrices are zero: it changes nothing in the {expert}-noise expert",
                    "train it further, or take it out",
                )
    except (InputError, MachineError) as refused:
        return Problem(refused.message, refused.where, refused.hint)
    except OSError as refused:
        why = refused.strerror or str(refused)
        return Problem(f"the LoRA cannot be read: {why}", str(lora.path), "check the disk")
    return None


def _acts(roles: Mapping[str, tuple[str, Seen]]) -> bool:
    """Whether one layer's matrices change anything: of a product no factor is zero."""
    there = {role: not seen.zeros for role, (_, seen) in roles.items()}
    if "lengths" in there or any(there.get(role, False) for role in _ALONE):
        return True
    joined = [there[role] for role in there if role.startswith(_FACTORS)]
    pair = there.get("down", False) and there.get("up", False) and there.get("alpha", True)
    return pair or (bool(joined) and all(joined))
