"""The video of a file is what is there to be watched, not the cover that lies before it."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from make_videos import make_audio, number_of, numbered_frame
from odd_videos import FPS, write, x264

from vpipe_utils.video import VideoError, count_frames, iter_frames, probe, read_frames
from vpipe_utils.video.streams import opened


def jpeg() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), format="rgb24")
        container.mux(stream.encode(grey.reformat(format="yuvj420p", threads=1)))
        container.mux(stream.encode())
    return file.getvalue()


def streams(path: Path, *kinds: tuple[int, int], frames: int = 8) -> Path:
    """A file with a video for each of `kinds`, (first number that it shows, disposition)."""
    with av.open(str(path), "w") as container:
        made = [container.add_stream("libx264", rate=FPS, options=x264("bframes=0")) for _ in kinds]
        for stream, (_, disposition) in zip(made, kinds, strict=True):
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.disposition = disposition
        for number in range(frames):
            for stream, (first, _) in zip(made, kinds, strict=True):
                picture = av.VideoFrame.from_ndarray(numbered_frame(first + number), format="rgb24")
                container.mux(stream.encode(picture.reformat(format="yuv420p", threads=1)))
        for stream in made:
            container.mux(stream.encode())
    return path


def with_cover(path: Path, source: Path, first: bool = True) -> Path:
    """An MP4 with a picture of what is in it; `first`: in the header before the video, so that it is stream 0."""
    with av.open(str(source)) as old, av.open(str(path), "w", format="mp4") as new:
        copied = [(stream, new.add_stream_from_template(stream)) for stream in old.streams]
        cover = new.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 32, 32, "yuvj420p", Disposition.attached_pic
        for packet in old.demux():
            if packet.size:
                packet.stream = dict((was.index, now) for was, now in copied)[packet.stream.index]
                new.mux(packet)
        packet = av.Packet(jpeg())
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        new.mux(packet)
    if first:
        _cover_first(path)
    return path


def _cover_first(path: Path) -> None:
    """Move the box `udta`, which holds the cover, to the beginning of `moov`, which is the last of the file."""
    data = path.read_bytes()
    moov, udta = data.index(b"moov") - 4, data.index(b"udta") - 4
    assert data[moov:].startswith(len(data[moov:]).to_bytes(4, "big") + b"moov"), "moov is last: no offset changes"
    end = udta + int.from_bytes(data[udta : udta + 4], "big")
    path.write_bytes(data[: moov + 8] + data[udta:end] + data[moov + 8 : udta] + data[end:])


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [f"{stream.type} {stream.codec_context.name} {int(stream.disposition)}" for stream in container.streams]


@pytest.mark.parametrize("first", [True, False])
def test_a_cover_is_not_the_video(first: bool, tmp_path: Path) -> None:
    source = write(tmp_path / "source.mp4", frames=30)
    path = with_cover(tmp_path / "a.mp4", source, first)
    assert kinds(path)[0 if first else -1] == f"video mjpeg {int(Disposition.attached_pic)}"
    found = probe(path)
    assert (found["frames"], found["codec"], found["width"], found["height"]) == (30, "h264", 64, 48)
    assert found["read_through"] == "", "it is jumped to as without the cover"
    assert count_frames(path) == 30 and [number_of(frame) for _, frame in iter_frames(path)] == [*range(30)]
    np.testing.assert_array_equal(read_frames(path, [29, 13]), read_frames(source, [29, 13]))


def test_an_attached_picture_of_a_matroska_file_is_not_the_video(tmp_path: Path) -> None:
    path = write(tmp_path / "source.mkv", frames=9)
    with av.open(str(path)) as old, av.open(str(tmp_path / "a.mkv"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        new.add_attachment("cover.jpg", "image/jpeg", jpeg())
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    assert len(kinds(tmp_path / "a.mkv")) == 2
    assert probe(tmp_path / "a.mkv")["frames"] == 9


@pytest.mark.parametrize("with_picture", [True, False])
def test_music_is_no_video(with_picture: bool, tmp_path: Path) -> None:
    path = make_audio(tmp_path / "sound.mp4")
    if with_picture:
        path = with_cover(tmp_path / "cover.mp4", path)
    for call in (probe, count_frames, lambda path: list(iter_frames(path))):
        with pytest.raises(VideoError) as caught:
            call(path)
        more = " and a cover picture or thumbnails" if with_picture else ""
        assert caught.value.reason == f"it has no video stream, only audio{more}"


@pytest.mark.parametrize(
    ("dispositions", "first"),
    [
        ((0, 0), 0),
        ((Disposition.default, Disposition.default), 0),
        ((0, Disposition.default), 100),
        ((Disposition.default, 0), 0),
    ],
)
def test_of_several_videos_the_default_or_the_first_one_is_taken(
    dispositions: tuple[int, int], first: int, tmp_path: Path
) -> None:
    for name in ("a.mkv", "a.mp4"):
        path = streams(tmp_path / name, *zip((0, 100), dispositions, strict=True))
        assert "it has 2 video streams" in probe(path)["read_through"]
        assert [number_of(frame) for _, frame in iter_frames(path)] == [*range(first, first + 8)]


@pytest.mark.parametrize(("name", "pictures"), [("a.mp4", 1), ("a.mkv", 1), ("a.mkv", 0)])
def test_a_track_of_one_picture_or_none_is_not_the_video(name: str, pictures: int, tmp_path: Path) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=FPS)
        video = container.add_stream("libx264", rate=FPS, options=x264("bframes=0"))
        for stream, pix_fmt in ((cover, "yuvj420p"), (video, "yuv420p")):
            stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        cover.disposition = Disposition.default
        for stream, pix_fmt, first, frames in ((cover, "yuvj420p", 100, pictures), (video, "yuv420p", 0, 30)):
            for number in range(first, first + frames):
                picture = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
                container.mux(stream.encode(picture.reformat(format=pix_fmt, threads=1)))
        for stream in (cover, video)[not pictures :]:
            container.mux(stream.encode())
    assert kinds(path)[0].startswith("video mjpeg")
    found = probe(path)
    assert (found["frames"], found["codec"], count_frames(path)) == (30, "h264", 30)
    assert [number_of(frame) for _, frame in iter_frames(path)] == [*range(30)]


def test_a_small_picture_track_behind_the_video_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        video, small = container.add_stream("mpeg4", rate=FPS), container.add_stream("mjpeg", rate=FPS)
        for stream, size, pix_fmt in ((video, (64, 48), "yuv420p"), (small, (16, 16), "yuvj420p")):
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        for number in range(6):
            for stream, pix_fmt in ((video, "yuv420p"), (small, "yuvj420p")):
                drawn = numbered_frame(number, stream.width, stream.height)
                picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                container.mux(stream.encode(picture.reformat(format=pix_fmt, threads=1)))
        for stream in (video, small):
            container.mux(stream.encode())
    assert [number_of(frame) for _, frame in iter_frames(path)] == [*range(6)]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cover.mp4", jpeg(), "it is a picture, not a video"),
        ("report.nfo", b"Inspection of 2 May\n" * 99, "it is a text, not a video"),
        ("table.mp4", b"video,OK\na.mp4,1\n", "it is not a video"),
    ],
)
def test_what_is_no_video_is_named(name: str, data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(VideoError) as caught, opened(tmp_path / name):
        pass
    assert caught.value.reason.startswith(reason)
