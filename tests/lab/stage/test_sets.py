"""Sets, light and weather: everywhere complete, told apart, and the same every time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from holocine_core.lab.stage import world
from holocine_core.lab.stage.backdrop import draw_place
from holocine_core.lab.stage.light import light_of
from holocine_core.lab.stage.sets.sheet import EXTENT, Layer
from holocine_core.lab.stage.shapes import blurred
from holocine_core.lab.stage.weather import fall
from holocine_core.lab.stage.world import Place

pytestmark = pytest.mark.slow

DENSITY = 12.0
HARBOUR = Place(
    set="harbour", time="day", weather="clear", accent="red", landmark=0, side=1, seed=7
)


def rows(layer: Layer, low: float, high: float) -> Tensor:
    """The part of a layer between two heights."""
    top, per = EXTENT[3], layer.rgba.shape[1] / (EXTENT[3] - EXTENT[1])
    return layer.rgba[:, round((top - high) * per) : round((top - low) * per)]


def columns(part: Tensor, left: float, right: float) -> Tensor:
    per = part.shape[2] / (EXTENT[2] - EXTENT[0])
    return part[:, :, round((left - EXTENT[0]) * per) : round((right - EXTENT[0]) * per)]


drawn = cache(draw_place)


def picture(place: Place, density: float = DENSITY) -> Tensor:
    """What a wide shot shows [3, h, w], without falling weather."""
    whole = torch.zeros(3, 1, 1)
    for layer in drawn(place, density):
        whole = whole * (1 - layer.rgba[3]) + layer.rgba[:3]
    seen = Layer(rgba=whole, depth=0.0)
    return columns(rows(seen, -0.12, 1.52), -1.37, 1.37)


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().mean())


@pytest.mark.parametrize("name", world.SETS)
def test_every_time_and_weather_is_drawn_completely(name: str) -> None:
    for time, weather in itertools.product(world.TIMES, world.WEATHERS):
        layers = drawn(replace(HARBOUR, set=name, time=time, weather=weather), DENSITY)
        assert layers[0].rgba.shape == (4, 32, 62)
        covered = torch.zeros(32, 62)
        for layer in layers:
            rgba = layer.rgba
            assert torch.isfinite(rgba).all()
            assert rgba.min() >= 0
            assert rgba[3].max() <= 1 + 1e-5
            assert (rgba[:3] <= rgba[3] + 1e-4).all(), "premultiplied"
            covered = covered + (1 - covered) * rgba[3]
        assert covered.min() > 0.999, "no hole in the picture"
        assert [x.depth for x in layers] == sorted(x.depth for x in layers)


@pytest.mark.parametrize("name", world.SETS)
def test_people_have_a_floor_and_are_not_hidden(name: str) -> None:
    layers = drawn(replace(HARBOUR, set=name), DENSITY)
    (floor,) = (layer for layer in layers if layer.depth == 1)
    assert rows(floor, -0.6, 0.08)[3].min() > 0.99
    for layer in layers:
        if layer.depth > 1:
            assert columns(rows(layer, 0.13, 2.1), -0.9, 0.9)[3].max() < 0.02


@pytest.mark.parametrize("name", world.SETS)
def test_a_place_is_itself_and_no_other(name: str) -> None:
    place = replace(HARBOUR, set=name)
    first = picture(place)
    for was, again in zip(drawn(place, DENSITY), draw_place(place, DENSITY), strict=True):
        assert torch.equal(was.rgba, again.rgba)
    others = {
        "seed": replace(place, seed=8),
        "landmark": replace(place, landmark=1),
        "side": replace(place, side=-1),
    }
    for what, other in others.items():
        assert apart(first, picture(other)) > 0.008, what
    # The landmark's half of the stage holds what differs between the landmarks.
    change = (first - picture(others["landmark"])).abs().mean(0).sum(0)
    half = len(change) // 2
    assert change[half:].sum() > change[:half].sum()


def test_the_twelve_sets_differ() -> None:
    pictures = [picture(replace(HARBOUR, set=name)) for name in world.SETS]
    for a, b in itertools.combinations(pictures, 2):
        assert apart(a, b) > 0.06


@pytest.mark.parametrize("name", world.SETS)
def test_time_and_weather_are_seen_without_falling_drops(name: str) -> None:
    seen = [
        picture(replace(HARBOUR, set=name, time=time, weather=weather))
        for time, weather in itertools.product(world.TIMES, world.WEATHERS)
    ]
    for a, b in itertools.combinations(seen, 2):
        change = (a - b).abs().mean(0).flatten()
        # Indoors it may be the window alone that tells.
        assert change.topk(len(change) // 20).values.mean() > 0.055


@pytest.mark.parametrize("name", world.SETS)
@pytest.mark.parametrize(("landmark", "time"), [(0, "night"), (1, "day")])
def test_the_accent_is_large_and_has_its_own_colour(name: str, landmark: int, time: str) -> None:
    place = replace(HARBOUR, set=name, time=time, landmark=landmark)
    names = ("red", "blue", "green")
    seen = [picture(replace(place, accent=c)) for c in names]
    where = torch.stack([(seen[0] - s).abs().amax(0) > 0.15 for s in seen[1:]]).all(0)
    assert where.float().mean() > 0.01
    tint = torch.tensor(light_of(place).tint)
    palette = torch.tensor([world.PALETTE[c] for c in names]) * tint
    for own, whole in enumerate(seen):
        colour = whole[:, where].median(dim=1).values
        assert int((palette - colour).norm(dim=1).argmin()) == own


def test_light_keeps_colours_apart() -> None:
    for name, time, weather in itertools.product(world.SETS, world.TIMES, world.WEATHERS):
        place = replace(HARBOUR, set=name, time=time, weather=weather)
        light = light_of(place)
        colours = torch.tensor(list(world.PALETTE.values())) * torch.tensor(light.tint)
        gaps = torch.cdist(colours, colours) + torch.eye(len(colours))
        assert gaps.min() > 0.12
        assert 0 < light.shadow < 1
        assert light_of(replace(place, side=-1)).sun == -light.sun
        assert sum(light.tint) <= sum(light_of(replace(place, time="day")).tint)


@pytest.mark.parametrize("name", world.SETS)
def test_night_is_darker_than_day(name: str) -> None:
    day, night = (picture(replace(HARBOUR, set=name, time=time)) for time in ("day", "night"))
    assert night.mean() < 0.75 * day.mean()


# --- what falls --------------------------------------------------------------------------------


def frames(count: int = 6, start: int = 30) -> Tensor:
    return (torch.arange(start, start + count) / world.FPS).view(-1, 1, 1)


def test_interiors_and_clear_skies_stay_dry() -> None:
    rgb = torch.rand(3, 2, 24, 40)
    for name, weather in (("kitchen", "rain"), ("library", "fog"), ("desert", "clear")):
        place = replace(HARBOUR, set=name, weather=weather)
        assert torch.equal(fall(rgb, place, frames(2), 1.0), rgb)


@pytest.mark.parametrize("weather", ["rain", "snow"])
def test_drops_fall_and_do_not_jump_between_shots(weather: str) -> None:
    place = replace(HARBOUR, weather=weather)
    dark = torch.full((3, 6, 48, 80), 0.1)
    before = dark.clone()
    seen = fall(dark, place, frames(), 1.0)
    assert torch.equal(dark, before), "the frames that came in stay as they were"
    halves = [fall(dark[:, :3], place, frames(3, start), 1.0) for start in (30, 33)]
    assert torch.equal(torch.cat(halves, 1), seen)
    drops = seen.mean(0) - 0.1
    share = (drops > 0.1).float().mean()
    assert 0.005 < share < 0.12, "bold but sparse"
    likeness = {
        shift: float((drops[:-1] * torch.roll(drops[1:], -shift, 1)).sum())
        for shift in range(-6, 7)
    }
    assert max(likeness, key=lambda shift: likeness[shift]) > 0, "down, not up"


def test_rain_is_faster_and_longer_than_snow() -> None:
    grey = torch.full((3, 2, 96, 160), 0.3)
    rain, snow = (
        fall(grey, replace(HARBOUR, weather=w), frames(2), 1.0).mean(0) - 0.3
        for w in ("rain", "snow")
    )
    assert (rain[1] - rain[0]).abs().sum() / rain.sum() > (
        snow[1] - snow[0]
    ).abs().sum() / snow.sum()

    def upright(drops: Tensor) -> float:
        """How much longer than wide: likeness of near rows over likeness of near columns."""
        return float(
            (drops[:, 2:] * drops[:, :-2]).sum() / (drops[..., 2:] * drops[..., :-2]).sum()
        )

    assert upright(rain) > 3 * upright(snow)


def test_fog_lies_low_and_spares_what_is_near() -> None:
    black = torch.zeros(3, 2, 48, 80)
    place = replace(HARBOUR, weather="fog")
    wide, close = (fall(black, place, frames(2), zoom) for zoom in (1.0, 2.5))
    assert wide[:, :, 36:].mean() > 1.5 * wide[:, :, :12].mean()
    assert close.mean() < 0.6 * wide.mean()
    assert wide.max() < 0.75
    later = fall(black, place, frames(2, 90), 1.0)
    assert apart(wide, later) > 0.002, "its banks drift"


@pytest.mark.parametrize("reach", [1, 4, 30])
def test_a_blur_is_the_mean_of_what_lies_inside(reach: int) -> None:
    values = torch.rand(2, 20, 31, generator=torch.Generator().manual_seed(0))
    size = 2 * reach + 1
    wanted = F.avg_pool2d(values, size, 1, reach, count_include_pad=False) if reach < 10 else None
    if wanted is None:
        wanted = values.mean((1, 2), keepdim=True).expand_as(values)
    torch.testing.assert_close(blurred(values, reach), wanted, atol=1e-5, rtol=1e-5)


def test_finer_films_show_the_same_place() -> None:
    coarse, fine = (drawn(HARBOUR, density)[-1].rgba for density in (10.0, 40.0))
    small = F.avg_pool2d(fine, 4)
    assert small.shape == coarse.shape
    assert apart(coarse, small) < 0.02


@pytest.mark.parametrize("name", world.SETS)
def test_nothing_is_made_on_another_device(name: str) -> None:
    # What names no device is made on the meta device, which refuses to meet any other, as a GPU
    # does. To draw on that device itself would take thirty times as long.
    rgb, seconds = torch.zeros(3, 2, 24, 40), torch.zeros(2, 1, 1)
    for landmark, weather in ((0, "rain"), (1, "snow"), (0, "fog")):
        place = replace(HARBOUR, set=name, time="night", weather=weather, landmark=landmark)
        with torch.device("meta"):
            layers = draw_place(place, DENSITY, "cpu")
            wet = fall(rgb, place, seconds, 1.0)
        assert all(made.is_cpu for made in (wet, *(layer.rgba for layer in layers)))


@pytest.mark.gpu
def test_the_gpu_draws_the_same_place() -> None:
    for here, there in zip(
        draw_place(HARBOUR, DENSITY), draw_place(HARBOUR, DENSITY, "cuda"), strict=True
    ):
        assert torch.allclose(here.rgba, there.rgba.cpu(), atol=1e-3)
