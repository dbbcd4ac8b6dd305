"""Which rank this process is, and of how many, as torchrun's variables tell. No torch here."""

from __future__ import annotations

import os


def asked_ranks() -> int:
    """How many ranks whoever started this process has started; 1 where nobody did."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def this_rank() -> int:
    """This process's rank; 0 where it is alone."""
    return int(os.environ.get("RANK", "0"))
