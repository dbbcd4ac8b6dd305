"""What of HoloCine's two attentions a take's passes have, and where its shots lie."""

from __future__ import annotations

from dataclasses import dataclass

from holocine_core.model.attention.layout import ShotLayout
from holocine_core.model.attention.segments import opened
from holocine_core.plan.values import Plan, Take
from holocine_core.sample.conditioning import Conditioning
from holocine_core.sample.noise import latent_shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """Switches of the two attentions, to see what each is worth; films have both on.

    Attributes:
        summaries: Whether shots see each other's summary tokens in sparse self-attention.
        windows: Whether a shot reads only the global caption and its own text.
        guide_summaries: Whether the branch that guidance leads away from sees them too; None: as
            the model's card says.
    """

    summaries: bool = True
    windows: bool = True
    guide_summaries: bool | None = None


WHOLE = Mechanism()


def shot_layout(
    plan: Plan, take: Take, conditioning: Conditioning, mechanism: Mechanism = WHOLE
) -> ShotLayout:
    """Where the take's shots lie among its tokens."""
    patch = plan.model.spec.shape.patch
    windows = conditioning.windows
    if windows is not None and not mechanism.windows:
        windows = opened(windows)
    _, _, _, rows, columns = latent_shape(plan, take)
    return ShotLayout(
        shots=take.timeline.latent_spans,
        frame_tokens=(rows // patch) * (columns // patch),
        windows=windows,
        sparse=take.sampling.attention == "sparse",
        summaries=mechanism.summaries,
    )
