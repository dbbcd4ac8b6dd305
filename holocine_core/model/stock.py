"""A Wan model that says nothing of itself: whose settings it films with. No torch here."""

from __future__ import annotations

from dataclasses import replace

from holocine_core.model.spec import MODELS, ModelSpec
from holocine_core.sampling import Profile


def stock_wan() -> ModelSpec:
    """What a Wan model is that says nothing of itself: full attention, 81 frames at 16 frames per
    second, with the sampling settings of the full 14B model."""
    return replace(
        MODELS["holocine-14b-full"],
        fps=16,
        max_frames=81,
        licence="as the folder's owner says",
        text_padding=True,
        low_precision_timestep=False,
        sources=(),
    )


def on_grid(spec: ModelSpec) -> ModelSpec:
    """A model that says nothing of itself with its profiles' sizes on its own grid, which may be
    coarser than that of the model whose settings it has."""
    step = spec.size_multiple

    def fitted(profile: Profile) -> Profile:
        sides = {"width": profile.width // step * step, "height": profile.height // step * step}
        return profile.model_copy(update=sides)

    return replace(spec, profiles={name: fitted(one) for name, one in spec.profiles.items()})
