"""What is wrong with the files that a film's takes will read, told before the first step."""

from __future__ import annotations

from collections.abc import Sequence

from holocine_core.errors import Damaged, InputError, MachineError
from holocine_core.model.components import LocatedModel
from holocine_core.model.fitting import model_problems
from holocine_core.model.lora.file import LoraFile
from holocine_core.model.lora.numbers import unfit_numbers
from holocine_core.plan.before import needed_parts
from holocine_core.plan.values import Plan, Take
from holocine_core.store.vault import Vault


def damaged_files(located: LocatedModel, takes: Sequence[Take], vault: Vault) -> list[Damaged]:
    """Of the parts that some take still needs: files cut short, damaged, or another model's. What
    lacks altogether is told otherwise.

    Args:
        located: The model as it is today.
        takes: With what the work folder holds of them.
        vault: The work folder.
    """
    parts = frozenset[str]().union(*(needed_parts(take, vault) for take in takes))
    found = model_problems(located, parts - located.standing.keys())
    return [Damaged(one.message, one.where, one.hint) for one in found]


def require_whole_files(plan: Plan) -> None:
    """Look again at all that a render will read, which may have changed since it was planned, and
    read the LoRAs to their ends.

    Raises:
        InputError: A LoRA holds no finite numbers, or nothing but zeros for an expert.
        MachineError: A file of the model is damaged or another model's.
    """
    vault = Vault(plan.work)
    for file in damaged_files(plan.model, plan.takes, vault):
        raise MachineError(file.message, where=file.where, hint=file.hint)
    waiting = [take for take in plan.takes if "transformer" in needed_parts(take, vault)]
    if not waiting:
        return
    of_shots = [one.lora for take in waiting for made in take.chain() for one in made.loras]
    loras: dict[LoraFile, None] = dict.fromkeys([*plan.loras, *of_shots])
    found = [fault for lora in loras if (fault := unfit_numbers(lora, plan.model)) is not None]
    if found:
        raise InputError.of(found)
