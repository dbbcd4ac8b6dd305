from __future__ import annotations

from pathlib import Path

import pytest

from holocine_core.edit.delivery import VideoCodec, check_quality, check_video, picture_filter
from holocine_core.errors import InputError


@pytest.mark.parametrize(
    ("video", "size", "name"),
    [
        (VideoCodec(), (63, 48), "a.mp4"),
        (VideoCodec(), (64, 47), "a.mp4"),
        (VideoCodec(), (64, 48), "a.avi"),
        (VideoCodec(codec="prores"), (64, 48), "a.mp4"),
        (VideoCodec(codec="prores", crf=10), (64, 48), "a.mov"),
        (VideoCodec(crf=52), (64, 48), "a.mp4"),
        (VideoCodec(preset="warp"), (64, 48), "a.mp4"),
        (VideoCodec(codec="av1", preset="medium"), (64, 48), "a.mp4"),
    ],
)
def test_orders_no_codec_can_fill_are_refused(
    video: VideoCodec, size: tuple[int, int], name: str
) -> None:
    with pytest.raises(InputError) as told:
        check_video(video, size, Path(name))
    assert told.value.hint


def test_qualities_are_told_in_the_screenplays_words() -> None:
    for video in (VideoCodec(crf=52), VideoCodec(codec="prores", crf=3)):
        with pytest.raises(InputError) as told:
            check_quality(video)
        assert "quality" in told.value.message
        assert "`quality`" in told.value.hint
        assert "crf" not in told.value.message + told.value.hint
    for video in (VideoCodec(crf=51), VideoCodec(codec="av1", crf=63), VideoCodec(codec="prores")):
        check_quality(video)


def test_fitting_rounds_to_the_nearest_even_size() -> None:
    fitted = picture_filter(VideoCodec(), (832, 480), (1920, 1080), "pad")
    assert "scale=1872:1080" in fitted
    assert "pad=1920:1080" in fitted
    cropped = picture_filter(VideoCodec(), (832, 480), (1920, 1080), "crop")
    assert "scale=1920:1108" in cropped
    assert "crop=1920:1080" in cropped
    same = picture_filter(VideoCodec(), (832, 480), (1664, 960))
    assert "scale=1664:960" in same
    assert "pad" not in same
