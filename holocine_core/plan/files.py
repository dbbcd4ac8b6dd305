"""What is wrong with the files that a film's takes will read, told before the first step."""

from __future__ import annotations

from collections.abc import Sequence

from holocine_core.errors import Damaged
from holocine_core.model.components import LocatedModel
from holocine_core.model.fitting import model_problems
from holocine_core.plan.before import needed_parts
from holocine_core.plan.values import Take
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
