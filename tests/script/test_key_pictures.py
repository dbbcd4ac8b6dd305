"""Key pictures as people have them: deep greys, transparency, colour profiles."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from holocine_core.errors import InputError
from holocine_core.sample.pictures import read_picture
from holocine_core.script.pictures import PictureFault, open_picture
from tests.conftest import Write


def ramp() -> np.ndarray:
    return np.broadcast_to(np.linspace(0, 65535, 256).round().astype(np.uint16), (16, 256)).copy()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_grey_of_16_bits_is_scaled(tmp_path: Path, name: str) -> None:
    if name == "a.pgm":
        (tmp_path / name).write_bytes(b"P5 256 16 65535\n" + ramp().astype(">u2").tobytes())
    else:
        Image.fromarray(ramp()).save(tmp_path / name)
    seen = np.asarray(open_picture(tmp_path / name)).astype(int)
    assert seen.shape == (16, 256, 3)
    assert np.abs(seen[0, :, 0] - np.arange(256)).max() <= 1
    assert (seen == seen[:1, :, :1]).all()
    read = read_picture(tmp_path / name, 64, 16).astype(int)
    assert (read[0, 0, 0], read[0, -1, 0]) == pytest.approx((2, 253), abs=2)


def test_numbers_that_do_not_say_what_is_white_are_refused(tmp_path: Path) -> None:
    for kind in (np.float32, np.int32):
        Image.fromarray(np.ones((4, 4), kind)).save(tmp_path / "a.tif")
        with pytest.raises(PictureFault, match="do not say what is white"):
            open_picture(tmp_path / "a.tif")


def see_through(path: Path) -> None:
    """Red under a transparent corner: what a picture hides."""
    pixels = np.full((32, 32, 4), (255, 0, 0, 255), np.uint8)
    pixels[:8, :8, 3] = 0
    Image.fromarray(pixels).save(path)


def test_transparency_is_refused(write: Write, tmp_path: Path) -> None:
    from holocine_core.film.planning import plan_film
    from holocine_core.request import Request

    see_through(tmp_path / "a.png")
    with pytest.raises(InputError, match="is transparent in parts") as told:
        read_picture(tmp_path / "a.png", 8, 8)
    assert "lay it on a background" in told.value.hint
    path = write("size: 32x32\nframes: 5\nglobal: A\nshots: [{prompt: B, image: a.png}]\n")
    with pytest.raises(InputError, match="is transparent in parts"):
        plan_film(path, Request(out=tmp_path / "film.mp4"))


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "LA", "I;16"])
def test_transparency_is_found_however_it_is_told(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    grey = np.full((8, 8), 200, np.uint8)
    grey[0, 0] = 7
    if mode == "LA":
        alpha = Image.fromarray(grey)
        Image.merge("LA", (alpha, alpha)).save(path)
    elif mode == "I;16":
        Image.fromarray(grey.astype(np.uint16)).save(path, transparency=7)
    else:
        clear = (7, 7, 7) if mode == "RGB" else 7
        picture = Image.fromarray(grey).convert("RGB" if mode == "RGB" else "L")
        if mode == "P":
            picture = Image.frombytes("P", (8, 8), grey.tobytes())
            picture.putpalette([level for at in range(256) for level in (at, at, at)])
        picture.save(path, transparency=clear)
    with pytest.raises(PictureFault, match="is transparent in parts"):
        open_picture(path)


def test_an_alpha_channel_that_hides_nothing_goes(tmp_path: Path) -> None:
    for mode, colour in (("RGBA", (10, 20, 30, 255)), ("LA", (77, 255))):
        Image.new(mode, (4, 4), colour).save(tmp_path / "a.png")
        seen = np.asarray(open_picture(tmp_path / "a.png"))
        assert tuple(seen[0, 0]) == (colour[:3] if mode == "RGBA" else (77, 77, 77))


def profile() -> bytes:
    """An RGB profile of another red, as cameras and wide screens have them."""
    held = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", held[128:132])[0]
    for i in range(count):
        name, at, _ = struct.unpack(">4sII", held[132 + 12 * i : 144 + 12 * i])
        if name == b"rXYZ":
            # Half of the red's light: a picture's full red is a darker one in sRGB.
            xyz = struct.unpack(">3i", held[at + 8 : at + 20])
            held[at + 8 : at + 20] = struct.pack(">3i", *(value // 2 for value in xyz))
        if name == b"desc":
            held[at + 8 : at + 60] = bytes(held[at + 8 : at + 60]).replace(
                b"s\x00R\x00G\x00B", b"w\x00i\x00d\x00e"
            )
    return bytes(held)


def test_colours_go_from_their_profile_to_srgb(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for name in ("a.png", "a.jpg", "a.tif"):
        red.save(tmp_path / name, icc_profile=profile())
        shown = np.asarray(open_picture(tmp_path / name)).astype(int)[0, 0]
        assert shown[0] == pytest.approx(188, abs=4)  # half of the light
        assert max(shown[1:]) <= 8


def test_srgb_is_left_alone_and_cmyk_shown(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=own)
    np.testing.assert_array_equal(np.asarray(open_picture(tmp_path / "a.png")), noise)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    assert np.asarray(open_picture(tmp_path / "a.jpg"))[0, 0, 0] > 200


def test_a_profile_that_is_none_or_not_the_pictures_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", icc_profile=b"no profile")
    with pytest.raises(PictureFault, match="colour profile"):
        open_picture(tmp_path / "a.png")
    Image.new("CMYK", (8, 8)).save(tmp_path / "a.tif", icc_profile=profile())
    with pytest.raises(PictureFault, match="its colour profile is for RGB"):
        open_picture(tmp_path / "a.tif")
