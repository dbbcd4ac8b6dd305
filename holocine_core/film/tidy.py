"""What calls that were killed left around a film."""

from __future__ import annotations

from holocine_core.film.ownership import film_place
from holocine_core.plan.values import Plan
from holocine_core.store.claims import sweep_claims
from holocine_core.store.files import sweep
from holocine_core.store.vault import free_place


def tidy(plan: Plan) -> None:
    """Remove it where nothing is left to make: otherwise whoever makes it does. What is at work,
    here or on another host, stays."""
    sweep(plan.out.parent, plan.work)
    sweep_claims(plan.work)
    free_place(*film_place(plan))
