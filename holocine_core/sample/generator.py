"""Holds the networks: a take becomes latents, latents become frames.

This is where text, attention layout, guidance, experts and the flow meet; each has its own file.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from holocine_core.events import Emit, ignore
from holocine_core.model.attention.layout import (
    ShotContext,
    ShotLayout,
    gelu_by_erf,
    install,
)
from holocine_core.model.attention.segments import Engine
from holocine_core.model.failures import device_errors
from holocine_core.model.lean import import_whole
from holocine_core.model.lora.file import Part
from holocine_core.model.lora.per_shot import ShotLoras
from holocine_core.model.networks import Networks
from holocine_core.plan.passes import pass_frames, pass_of
from holocine_core.plan.values import Plan, Take
from holocine_core.sample import flow
from holocine_core.sample.caches import Caches, Remembering
from holocine_core.sample.conditioning import Conditioning
from holocine_core.sample.crew import Crew, Side
from holocine_core.sample.experts import expert_of
from holocine_core.sample.guidance import classifier_free_guidance
from holocine_core.sample.known_latents import KnownLatents
from holocine_core.sample.mechanism import WHOLE, Mechanism, shot_layout
from holocine_core.sample.noise import initial_noise, latent_shape, noise_of_step
from holocine_core.sample.peek import Look, shown_to
from holocine_core.sample.pictures import read_picture
from holocine_core.sample.solvers import (
    OnStep,
    Progress,
    Solver,
    StepNoise,
    Velocity,
    denoise,
    solver_of,
)
from holocine_core.sample.texts import Text, Texts
from holocine_core.sample.vae import Frames, decode_latents, encode_still, encode_upscaled
from holocine_core.script.timeline import LatentSpan

BRANCHES = ("cond", "uncond")
"""The passes of a guided step, in their order."""
_SMALLER = "plan a smaller size or profile"


class Generator:
    """A plan's model, ready to shoot its takes.

    Networks are loaded when first needed and placed as the plan says.
    """

    def __init__(
        self,
        plan: Plan,
        emit: Emit = ignore,
        engine: Engine = "auto",
        mechanism: Mechanism = WHOLE,
        crew: Crew | None = None,
    ) -> None:
        self._crew = crew
        self._plan = plan
        self._emit = emit
        self.look: Look | None = None
        """Shown every step while it is made."""
        self._expected: tuple[Plan, ...] = (plan,)
        self._mechanism = mechanism
        self._spec = plan.model.spec
        self._engine: Engine = engine
        self.context = ShotContext()
        self._shot_loras = ShotLoras(self.context)
        self._networks = Networks(
            plan.model,
            plan.placement,
            emit=lambda event: self._emit(event),
            on_load=self._prepare,
        )
        self._texts = Texts(self._networks)

    def turn_to(self, plan: Plan, emit: Emit, expected: Sequence[Plan] = ()) -> None:
        """Shoot the takes of another film from now on, with the networks that are open.

        Args:
            plan: Its model, placement and LoRAs are those that this generator was opened for.
            emit: Told of what is loaded.
            expected: Films that follow: their texts are read with this one's.
        """
        if self._crew is not None:
            self._crew.allow(plan)
        self._plan, self._emit, self._spec = plan, emit, plan.model.spec
        self._expected = (plan, *expected)
        self._texts.forget_all_but(one for of in self._expected for one in _all_takes(of))

    def take_over(self, networks: Mapping[str, Any], context: ShotContext) -> None:
        """Film with networks that are open already, such as those in training: these are neither
        loaded nor moved. Called while none of the generator's own is open.

        Args:
            networks: By part, where they compute.
            context: What their attention follows.
        """
        self.context = context
        self._shot_loras = ShotLoras(context)
        self._networks.given = dict(networks)

    def close(self) -> None:
        """Let go of all networks and their memory."""
        for part in self._networks.loaded:
            self._networks.release(part)

    def _prepare(self, part: str, network: torch.nn.Module) -> None:
        """LoRAs and shot-aware attention, before the network is placed."""
        if isinstance(network, WanTransformer3DModel):
            of_shots = dict.fromkeys(
                one.lora for take in _all_takes(self._plan) for one in take.loras
            )
            if self._plan.loras or of_shots:
                import_whole()
                from holocine_core.model.lora.apply import apply_loras  # peft wakes here

                apply_loras(
                    network, cast(Part, part), self._plan.loras, tuple(of_shots), self._shot_loras
                )
            kernel = self._plan.placement.kernel
            fused = self._engine == "auto" and kernel.startswith("fused")
            install(network, self.context, "fused" if fused else self._engine)
            if kernel.endswith("erf"):
                gelu_by_erf(network)
            if self._crew is not None:
                self._crew.part(part, network, self)

    @property
    def heads(self) -> int:
        """Of the transformers' attention."""
        return self._spec.shape.heads

    def network(self, part: str) -> Any:
        """One of the networks, where it computes."""
        return self._networks.use(part)

    def denoise(
        self,
        take: Take,
        text: Text | None = None,
        start: Progress | None = None,
        known: KnownLatents | None = None,
        on_step: OnStep = lambda progress: None,
        step_noise: StepNoise | None = None,
    ) -> Tensor:
        """A take's latents [1, C, F, H, W], float32 on the CPU; of one that is longer than its
        pass, those of the pass (see :meth:`whole`).

        Args:
            take: What to make.
            text: Of :meth:`encode`; encoded now where None.
            start: Where an earlier run stopped.
            known: Latent frames that are there already and stay as they are.
            on_step: Told of every step.
            step_noise: What a stochastic sampler draws; the take's own where None.

        Raises:
            MachineError: Memory ran out.
            RenderError: The latents stopped being finite.
        """
        positive, negative = text or self.encode(take)
        take = pass_of(take)
        self._shot_loras.shots = {one.lora: one.shots for one in take.loras}
        with device_errors(f"denoising scene '{take.scene}'", _SMALLER):
            sigmas = flow.schedule(take.sampling.steps, take.sampling.shift)
            noise = initial_noise(self._plan, take).to(self._networks.device)
            steps = Counter(map(self._expert, sigmas))
            with Caches(take.sampling.cache, steps) as caches:
                latents = denoise(
                    self._velocity(take, positive, negative, known, noise, caches),
                    noise if known is None else known.start(noise),
                    sigmas,
                    solver=Remembering(
                        self._solver(take, sigmas, known, noise, step_noise), caches
                    ),
                    start=start and start.to(self._networks.device),
                    on_step=on_step,
                    on_velocity=shown_to(self.look, self._plan, take, self._emit),
                )
        return latents.cpu() if known is None else known.put_into(latents.cpu())

    def _solver(
        self,
        take: Take,
        sigmas: Sequence[float],
        known: KnownLatents | None,
        noise: Tensor,
        step_noise: StepNoise | None,
    ) -> Solver:
        def settle(x: Tensor, sigma: float) -> Tensor:
            return x if known is None else known.noised(x, noise, sigma)

        return solver_of(
            take.sampling.sampler,
            sigmas,
            eta=take.sampling.eta,
            noise=step_noise or (lambda step: noise_of_step(self._plan, take, step)),
            settle=settle,
        )

    def decode(self, take: Take, latents: Tensor) -> Iterator[Frames]:
        """A take's frames, a few at a time [T, H, W, 3]."""
        with device_errors(
            f"decoding scene '{take.scene}'",
            "the denoised take is kept: run the same command again with more free memory",
        ):
            yield from decode_latents(self._networks.use("vae"), latents)

    def known_latents(self, take: Take, base: Tensor | None) -> KnownLatents:
        """What of a take's pass is there before it is denoised.

        Args:
            take: With parts of an earlier take, pictures, or both.
            base: The earlier take's latents.
        """
        frames, kept, take = pass_frames(take), take.kept, pass_of(take)
        spans = list(take.known.spans) if take.known is not None else []
        latents = torch.zeros(latent_shape(self._plan, take))
        if base is not None:
            to = [i for i, frame in enumerate(frames) if frame in kept]
            latents[:, :, to] = base[:, :, [kept[frames[i]] for i in to]]
        for picture in take.pictures:
            if any(span.start <= picture.latent < span.stop for span in spans):
                continue  # The earlier take shows it already.
            with device_errors(f"encoding {picture.path.name}", _SMALLER):
                still = encode_still(
                    self._networks.use("vae"),
                    read_picture(picture.path, take.sampling.width, take.sampling.height),
                    first=picture.latent == 0,
                )
            latents[:, :, picture.latent : picture.latent + 1] = still.cpu()
            spans.append(LatentSpan(picture.latent, picture.latent + 1))
        clean = self._spec.clean_shots
        return KnownLatents(
            latents_BCFHW=latents, spans=spans, method="clean" if clean else "renoised"
        )

    def whole(self, take: Take, made: Tensor, base: Tensor | None) -> Tensor:
        """A take's latents from those of its pass: what the pass did not see is the earlier take's.

        Args:
            take: As it was denoised.
            made: Of :meth:`denoise`.
            base: The earlier take's latents.
        """
        if take.known is None or take.known.shots is None:
            return made
        assert base is not None, "only an edit is longer than its pass"
        latents = torch.zeros(latent_shape(self._plan, take))
        latents[:, :, list(take.kept)] = base[:, :, list(take.kept.values())]
        latents[:, :, pass_frames(take)] = made
        return latents

    def upscaled_start(self, take: Take, draft: Tensor) -> Progress:
        """Where a take starts that is made from a draft: its frames in the take's size, with the
        noise of the first step that is made.

        Args:
            take: UpscaledStart.
            draft: The draft's latents.
        """
        assert take.upscaled is not None
        frames = np.concatenate(list(self.decode(take.upscaled.base, draft)))
        with device_errors(f"upscaling the draft of scene '{take.scene}'", "plan a smaller size"):
            latents = encode_upscaled(
                self._networks.use("vae"), frames, take.sampling.width, take.sampling.height
            )
        step = take.upscaled.step
        sigma = flow.schedule(take.sampling.steps, take.sampling.shift)[step]
        noise = initial_noise(self._plan, take)
        return Progress(step, flow.noisy(latents.cpu().float(), noise, sigma), {})

    def peak_bytes(self) -> int | None:
        """Most device memory held since the last call; None where the device doesn't count it."""
        if self._networks.device.type != "cuda":
            return None
        peak = torch.cuda.max_memory_allocated(self._networks.device)
        torch.cuda.reset_peak_memory_stats(self._networks.device)
        return peak

    def encode(self, take: Take) -> Text:
        """What a take's pass reads. Texts of all takes still to shoot are encoded in one go: the
        text encoder is the first network needed and then never again, and its memory is freed.

        Raises:
            MachineError: Memory ran out.
        """
        waiting = (one for plan in self._expected for one in plan.takes if one.state != "reuse")
        with device_errors(f"encoding the text of scene '{take.scene}'", _SMALLER):
            return self._texts.of(take, waiting)

    def _velocity(
        self,
        take: Take,
        positive: Conditioning,
        negative: Conditioning | None,
        known: KnownLatents | None,
        noise: Tensor,
        caches: Caches,
    ) -> Velocity:
        """The networks as a function of latents and sigma, guided; known frames keep their way."""
        layout = shot_layout(self._plan, take, positive, self._mechanism)
        sides, last_guided = [(positive, layout)], 2.0
        if negative is not None:
            plain = shot_layout(self._plan, take, negative, self._mechanism)
            seen = self._mechanism.guide_summaries
            if not (self._spec.guide_summaries if seen is None else seen):
                plain = replace(plain, summaries=False)
            sides.append((negative, plain))
            sigmas = flow.schedule(take.sampling.steps, take.sampling.shift)
            last_guided = sigmas[take.sampling.guided_steps - 1]
        if self._crew is not None:
            self._crew.read(sides)

        def velocity(x: Tensor, sigma: float) -> Tensor:
            expert = self._expert(sigma)
            network = self._networks.use(expert)
            time = torch.tensor([flow.timestep(sigma)])
            if known is not None:
                time = known.timesteps(sigma, x.shape[2], layout.frame_tokens)
                x = known.noised(x, noise, sigma)
            said: list[Tensor] = []
            of_step = sides if sigma >= last_guided else sides[:1]
            if self._crew is not None:
                said = self._crew.passes(self, expert, x, time, len(of_step))
            else:
                for branch, (text, seen_by) in zip(BRANCHES, of_step, strict=False):
                    with self._computing(seen_by), caches.branch(expert, network, branch):
                        said.append(network(**self._inputs(x, time, text))[0].float())
            guided = said[0]
            if len(said) > 1:
                guided = classifier_free_guidance(said[0], said[1], take.sampling.guidance)
            return guided if known is None else known.fixed(guided, noise)

        return velocity

    def _expert(self, sigma: float) -> str:
        """High-noise steps (timestep >= boundary) use ``transformer``, the others the second."""
        return expert_of(self._spec, sigma)

    def one_pass(self, network: Any, x: Tensor, time: Tensor, side: Side) -> Tensor:
        """What a network says of latents, in float32.

        Args:
            network: Of :meth:`network`.
            x: [1, C, F, H, W].
            time: Timesteps: [1], or one for every token.
            side: What the pass reads, and who sees what.
        """
        text, seen_by = side
        with self._computing(seen_by):
            said: Tensor = network(**self._inputs(x, time, text))[0]
            return said.float()

    @contextlib.contextmanager
    def _computing(self, layout: ShotLayout) -> Iterator[None]:
        """While this is open, networks follow a layout, in the placement's precision."""
        self.context.layout = layout
        bf16 = self._plan.placement.bf16
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            yield

    def _inputs(self, x: Tensor, time: Tensor, text: Conditioning) -> dict[str, Any]:
        """Of a network's forward pass."""
        dtype = self._networks.dtype
        time = time.to(self._networks.device)
        return {
            "hidden_states": x.to(self._networks.device, dtype),
            "timestep": time.to(dtype) if self._spec.low_precision_timestep else time,
            "encoder_hidden_states": text.text_BLD.to(self._networks.device, dtype),
            "return_dict": False,
        }


def _all_takes(plan: Plan) -> Iterator[Take]:
    """The plan's takes and those that they are made from."""
    for take in plan.takes:
        yield from take.chain()
