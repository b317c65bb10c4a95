"""Files hold the frames that were written, in the codec and size asked for, with the same bytes each time."""

from __future__ import annotations

import av
import numpy as np
import pytest

from vpipe_utils.pipesim.encode import FORMATS, write_video

CODECS = {"libx264": "h264", "libx265": "hevc", "mpeg4": "mpeg4"}


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    y, x = np.mgrid[:48, :64]
    pictures = [np.stack([x * 3 + 5 * k, y * 4, 255 - x * 3], -1) for k in range(11)]
    return np.clip(np.array(pictures), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("index", range(len(FORMATS)))
def test_written_frames_come_back(index, frames, tmp_path):
    codec, _, scale, _ = FORMATS[index]
    path = tmp_path / "clip.mp4"
    write_video(path, frames, 12.0, index)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == CODECS[codec]
        assert float(stream.average_rate) == pytest.approx(12.0)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == len(frames)
    assert decoded[0].shape == (48 * scale, 64 * scale, 3)
    for image, wanted in zip(decoded, frames, strict=True):
        assert np.abs(image[::scale, ::scale].astype(int) - wanted).mean() < 12
    rng = np.random.default_rng(0)
    for _ in range(8):  # whatever lies in memory
        _ = [rng.integers(0, 255, size, dtype=np.uint8) for size in rng.integers(500, 400_000, 100)]
        write_video(tmp_path / "again.mp4", frames, 12.0, index)
        assert (tmp_path / "again.mp4").read_bytes() == path.read_bytes()


def test_most_files_are_plain_h264():
    assert sum(each.share for each in FORMATS) == pytest.approx(1)
    assert FORMATS[0].codec == "libx264" and FORMATS[0].share >= 0.9 and FORMATS[0].scale == 1


@pytest.mark.parametrize("index", range(len(FORMATS)))
def test_coarser_files_are_smaller(index, tmp_path):
    noisy = np.random.default_rng(0).integers(0, 255, (10, 48, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "fine.mp4", noisy, 12.0, index)
    write_video(tmp_path / "coarse.mp4", noisy, 12.0, index, coarser=8)
    assert (tmp_path / "coarse.mp4").stat().st_size < 0.8 * (tmp_path / "fine.mp4").stat().st_size
