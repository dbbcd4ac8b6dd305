"""Scene -> frames: layers of the set, figures with their shadows, light and weather.

Letters: T frame of a shot, H W pixel rows and columns.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.lab.stage import world
from holocine_core.lab.stage.animals import animal_box, draw_animal
from holocine_core.lab.stage.backdrop import draw_place
from holocine_core.lab.stage.camera import WIDE_HEIGHT, Track, feet, look, seconds_of, track
from holocine_core.lab.stage.light import Light, light_of
from holocine_core.lab.stage.person import draw_person, person_box
from holocine_core.lab.stage.sets.sheet import EXTENT, Layer
from holocine_core.lab.stage.shapes import Pen, blurred
from holocine_core.lab.stage.weather import fall
from holocine_core.lab.stage.world import Animal, Scene, Shot

_SHOULDER_SCALE = 1.45
"""How much larger the near figure of an over-the-shoulder shot is."""


@torch.no_grad()
def draw(
    scene: Scene,
    height: int,
    width: int,
    device: torch.device | str = "cpu",
    only: Collection[int] | None = None,
) -> Tensor:
    """All frames of a scene, uint8 [T, H, W, 3].

    Args:
        scene: What to draw.
        height: Rows.
        width: Columns.
        device: Where to draw.
        only: Numbers of the frames to draw, a few of every shot; shadows may lie a pixel off.
    """
    layers = draw_place(scene.place, density=1.1 * height / WIDE_HEIGHT, device=device)
    light = light_of(scene.place)
    shots = [_shot(scene, shot, layers, light, (height, width), only) for shot in scene.shots]
    return torch.cat(shots)


def _shot(
    scene: Scene,
    shot: Shot,
    layers: Sequence[Layer],
    light: Light,
    size: tuple[int, int],
    only: Collection[int] | None,
) -> Tensor:
    height, width = size
    device = layers[0].rgba.device
    camera = track(scene, shot, width / height, device)
    seconds = seconds_of(shot, device)
    zoom = float(WIDE_HEIGHT / camera.height.mean())
    if only is not None:
        at = [i for i, frame in enumerate(shot.frames) if frame in only]
        seconds = seconds[at]
        camera = replace(camera, x=camera.x[at], y=camera.y[at], height=camera.height[at])
    since = seconds + shot.frames.start / world.FPS
    rgb = torch.zeros(3, len(seconds), height, width, device=device)
    for layer in layers:
        if layer.depth <= 1:
            _over(rgb, _seen(layer, camera, size, since))
    # Back to front: the subject last, but for the shoulder we look over.
    order = list(reversed(range(len(shot.roles))))
    if shot.framing == "over-the-shoulder":
        order.reverse()
    for index in order:
        _figure(rgb, scene, shot, index, camera, seconds, light)
    for layer in layers:
        if layer.depth > 1:
            _over(rgb, _seen(layer, camera, size, since))
    rgb = fall(rgb, scene.place, since, zoom)
    return (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 3, 0)


def _over(rgb: Tensor, rgba: Tensor) -> None:
    """Lay a premultiplied layer [4, T, H, W] over a picture [3, T, H, W]."""
    rgb.mul_(1 - rgba[3]).add_(rgba[:3])


def _seen(layer: Layer, camera: Track, size: tuple[int, int], since: Tensor) -> Tensor:
    """A layer as the camera sees it [4, T, H, W]."""
    moving = bool(layer.drift or layer.sway)
    x, y = look(camera, *size, depth=layer.depth)
    x = x - layer.drift * since - layer.sway * torch.sin(2.2 * since)
    x0, y0, x1, y1 = EXTENT
    down = (1 - (y - y0) / (y1 - y0) * 2).expand_as(x)
    grid = torch.stack(((x - x0) / (x1 - x0) * 2 - 1, down), -1)
    if not moving and all(_constant(part) for part in (camera.x, camera.y, camera.height)):
        still = F.grid_sample(
            layer.rgba[None], grid[:1], padding_mode="border", align_corners=False
        )
        return still.permute(1, 0, 2, 3).expand(-1, len(since), -1, -1)
    many = layer.rgba[None].expand(len(grid), -1, -1, -1)
    seen = F.grid_sample(many, grid, padding_mode="border", align_corners=False)
    return seen.permute(1, 0, 2, 3)


def _constant(values: Tensor) -> bool:
    return bool((values == values[0]).all())


def _figure(
    rgb: Tensor, scene: Scene, shot: Shot, index: int, camera: Track, seconds: Tensor, light: Light
) -> None:
    """Draw one member of the cast, with its shadow, into the frames."""
    role = shot.roles[index]
    member = scene.cast[role.who]
    near = shot.framing == "over-the-shoulder" and index == 1
    scale, x0 = 1.0, feet(shot, index, seconds)
    if near:
        # It stands before the camera, at the frame's edge, wherever it was before.
        scale = _SHOULDER_SCALE * float(camera.height.mean()) / 0.98
        x0 = camera.x + shot.roles[0].facing * 0.32 * camera.height * rgb.shape[3] / rgb.shape[2]
    x, y = look(camera, rgb.shape[2], rgb.shape[3])
    drop = 0.0
    if near:
        drop = float((camera.y - 0.62 * scale * 1.0).mean())
    elif shot.framing == "two-shot" and index == 1:
        drop = 0.02
    local_x, local_y = (x - x0) / scale, (y - drop) / scale
    box = animal_box(member, role.action) if isinstance(member, Animal) else person_box(
        member, role.action
    )  # fmt: skip
    window = _window(local_x, local_y, _either_way(box))
    if window is None:
        return
    rows, columns = window
    pixel = camera.height / rgb.shape[2] / scale
    pen = Pen(local_x[:, rows, columns], local_y[:, rows], pixel)
    time = seconds + role.phase * 1.2
    if isinstance(member, Animal):
        draw_animal(pen, member, role.action, time, facing=role.facing)
    else:
        draw_person(pen, member, role.action, time, facing=role.facing, away=near)
    _lay(rgb[:, :, rows, columns], pen.rgba, light, pixel)


def _either_way(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A figure's box with room for its shadow, whichever way it faces."""
    reach = max(-box[0], box[2]) + 0.06
    return -reach, box[1] - 0.06, reach, box[3] + 0.04


def _window(
    x: Tensor, y: Tensor, box: tuple[float, float, float, float]
) -> tuple[slice, slice] | None:
    """Rows and columns where a box is seen in any frame; None where it never is."""
    inside_x = ((x >= box[0]) & (x <= box[2])).flatten(0, 1).any(0).nonzero()
    inside_y = ((y >= box[1]) & (y <= box[3])).any(0).squeeze(-1).nonzero()
    if not len(inside_x) or not len(inside_y):
        return None
    rows = slice(int(inside_y[0]), int(inside_y[-1]) + 1)
    return rows, slice(int(inside_x[0]), int(inside_x[-1]) + 1)


def _lay(rgb: Tensor, rgba: Tensor, light: Light, pixel: Tensor) -> None:
    """Lay a figure over the frames: its soft paper shadow first, then itself in the set's light."""
    away = 0.035 / float(pixel.mean())
    across, down = round(-light.sun * away), round(0.6 * away)
    shadow = torch.roll(rgba[3], (down, across), (1, 2))
    # What rolls around the edges belongs to the other side.
    if down:
        shadow[:, :down] = 0
    if across > 0:
        shadow[:, :, :across] = 0
    elif across < 0:
        shadow[:, :, across:] = 0
    shadow = blurred(shadow, max(1, round(0.5 * away)))
    rgb.mul_(1 - light.shadow * shadow)
    tint = torch.tensor(light.tint, device=rgb.device).view(3, 1, 1, 1)
    rgb.mul_(1 - rgba[3]).add_(rgba[:3] * tint)
