"""Frames come out exactly, whatever the container; what cannot be read says why."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest
from make_videos import HEADER_FIRST, cut_off, damage, decode_all, make_video, number_of, turn_by_90

from vpipe_utils.data.sampling import uniform_indices
from vpipe_utils.video import VideoError, count_frames, iter_frames, probe, read_frames

KINDS = [
    ("h264.mp4", "libx264", {}),
    ("h265.mp4", "libx265", {}),
    ("mpeg4.avi", "mpeg4", {}),
    ("h264.avi", "libx264", {}),
    ("h264.mkv", "libx264", {}),
    ("h264.ts", "libx264", {}),
    ("mpeg2.mpg", "mpeg2video", {}),
]


@pytest.mark.parametrize(("name", "codec", "options"), KINDS, ids=[kind[0] for kind in KINDS])
def test_frames_are_those_of_sequential_decoding(tmp_path, name, codec, options):
    path = make_video(tmp_path / name, 40, fps=25, codec=codec, container_options=options)
    expected = decode_all(path)
    assert count_frames(path) == len(expected) == 40
    wanted = [39, 0, 17, 17, 5]
    frames = read_frames(path, wanted)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, expected[wanted])
    assert [number_of(frame) for frame in frames] == wanted


def test_iter_frames_gives_each_wanted_frame_once_in_order(tmp_path):
    path = make_video(tmp_path / "a.mp4", 12)
    assert [index for index, _ in iter_frames(path, [7, 3, 7])] == [3, 7]
    numbers = [(index, number_of(frame)) for index, frame in iter_frames(path)]
    assert numbers == [(i, i) for i in range(12)]


def test_no_index_gives_no_frame_of_the_right_size(tmp_path):
    path = make_video(tmp_path / "a.mp4", 3, width=80, height=48)
    assert read_frames(path, []).shape == (0, 48, 80, 3)


def test_probe(tmp_path):
    path = make_video(tmp_path / "a.mp4", 30, width=80, height=48, fps=12)
    assert probe(path) == {
        "fps": 12.0, "frames": 30, "duration_s": 2.5, "width": 80, "height": 48, "codec": "h264",
        "read_through": "", "damage": "",
    }  # fmt: skip


def test_rotation_is_applied(tmp_path):
    path = turn_by_90(make_video(tmp_path / "turned.mp4", 5, width=64, height=48))
    upright = decode_all(path)  # PyAV does not turn pictures
    assert upright.shape == (5, 48, 64, 3)
    found = probe(path)
    assert (found["width"], found["height"]) == (48, 64)
    np.testing.assert_array_equal(read_frames(path, [2])[0], np.rot90(upright[2], k=-1))


def test_a_name_with_odd_signs_is_a_file_name(tmp_path):
    path = make_video(tmp_path / "a.mp4", 4)
    odd = path.rename(tmp_path / "管道 100%03d #1.mp4")
    assert count_frames(odd) == 4
    assert probe(odd)["codec"] == "h264"


@pytest.mark.parametrize("bad", [[30], [-1], [0, 5000]])
def test_an_index_that_is_not_there(tmp_path, bad):
    path = make_video(tmp_path / "a.mp4", 30)
    with pytest.raises(VideoError, match=str(next(i for i in bad if not 0 <= i < 30))):
        read_frames(path, bad)


def test_fractional_indices_are_refused(tmp_path):
    with pytest.raises(VideoError, match="whole numbers"):
        read_frames(make_video(tmp_path / "a.mp4", 3), [0.5])


def test_unreadable_files_say_why(unreadable):
    calls = (count_frames, probe, lambda path: read_frames(path, [0]), lambda path: list(iter_frames(path)))
    for path, reason in unreadable.items():
        for call in calls:
            with pytest.raises(VideoError, match=reason) as caught:
                call(path)
            assert path.name in str(caught.value)
            assert path.name not in caught.value.reason
            assert "\n" not in str(caught.value)


def test_bad_files_leave_no_noise(unreadable, tmp_path):
    damaged = damage(make_video(tmp_path / "damaged.mp4", 60, container_options=HEADER_FIRST))
    script = """
import sys
from vpipe_utils.video import VideoError, probe
for path in sys.argv[1:]:
    try:
        print(probe(path)["frames"])
    except VideoError as error:
        print(error.reason)
"""
    command = [sys.executable, "-c", script, *map(str, unreadable), str(damaged)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    *reasons, frames = done.stdout.splitlines()
    assert len(reasons) == len(unreadable)
    assert 10 <= int(frames) < 60


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", HEADER_FIRST),
        ("a.avi", "mpeg4", {}),
        ("a.ts", "libx264", {}),
        ("a.mkv", "libx264", {}),
    ],
)
@pytest.mark.parametrize("fault", [cut_off, partial(damage, share=0.42)], ids=["cut_off", "damage"])
@pytest.mark.filterwarnings("ignore::vpipe_utils.video.DamageWarning")
def test_a_file_damaged_in_the_middle_gives_its_decodable_frames(tmp_path, name, codec, options, fault):
    path = fault(make_video(tmp_path / name, 100, codec=codec, container_options=options))
    n = count_frames(path)
    assert 10 <= n <= 100  # the header still says 100
    if fault is cut_off:
        assert n < 100
    found = probe(path)
    assert found["frames"] == n
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = read_frames(path, range(n))
    assert [number_of(frame) for frame in frames[:10]] == list(range(10))
    if fault is not cut_off:
        assert found["damage"] or caught, "damage inside a picture is said, by the probe or where it is met"
    with pytest.raises(VideoError, match=f"it has {n} frames"):
        read_frames(path, [n])


def test_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(VideoError("it is empty", "folder/a.mp4")))
    assert (error.reason, str(error)) == ("it is empty", "a.mp4: it is empty")
    assert str(VideoError("it is empty")) == "it is empty"


def test_real_clips_frame_by_frame(clips):
    for name in ("test.avi", "demo_spatiotemporal_det.mp4"):
        expected = decode_all(clips / name)
        assert count_frames(clips / name) == len(expected)
        wanted = uniform_indices(len(expected), 9)
        np.testing.assert_array_equal(read_frames(clips / name, wanted), expected[wanted])


def test_real_clips_probe(clips):
    found = probe(clips / "test.mp4")
    assert (found["frames"], found["width"], found["height"], found["codec"]) == (300, 340, 256, "h264")
    assert math.isclose(found["duration_s"], 10.0)
