from __future__ import annotations

from pathlib import Path

import pytest
from make_videos import make_video

from vpipe_utils.review.predicting.clips import clips_table, describe_clips, index_clips, read_list


def test_a_folder_gives_a_row_a_clip_and_a_reason_where_it_cannot_be_read(tmp_path: Path) -> None:
    make_video(tmp_path / "videos" / "7_1.mp4", frames=12, fps=12)
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "videos" / "notes.txt").write_text("no clip")
    clips = clips_table(index_clips(tmp_path / "videos", tmp_path / "work", progress=False))
    assert clips["video"].tolist() == ["7_1.mp4", "broken.mp4"]
    assert clips["status"].tolist() == ["predicted", "unreadable"]
    assert clips["recording"].tolist() == ["7", "broken"]
    assert clips["duration_s"].iloc[0] == 1 and clips["reason"].iloc[0] == "" and clips["reason"].iloc[1]
    assert "2 clips, 0.0 minutes; 1 cannot be read and have no prediction: 'broken.mp4' (" in describe_clips(clips)


def test_a_list_names_clips_of_several_folders(tmp_path: Path) -> None:
    first, second = (make_video(tmp_path / name / f"{name}.mp4", frames=4) for name in ("a", "b"))
    file = tmp_path / "clips.txt"
    file.write_text(f"# last week's\n{first}\n\nb/b.mp4\nb/gone.mp4\n")
    for _ in range(2):  # again: links that are there already
        clips = clips_table(index_clips(file, tmp_path / "work", progress=False))
    assert clips["video"].tolist() == ["a.mp4", "b.mp4", "gone.mp4"]
    assert clips["path"].tolist() == [str(first), str(second), str(tmp_path / "b" / "gone.mp4")]
    assert clips["status"].tolist() == ["predicted", "predicted", "unreadable"]
    assert clips["reason"].iloc[2] == "it is in the list, but there is no such file"


def test_what_cannot_be_a_list_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not there: name a folder of clips"):
        index_clips(tmp_path / "nowhere", tmp_path / "work")
    file = tmp_path / "clips.txt"
    file.write_text("a/1.mp4\nb/1.mp4\n")
    with pytest.raises(ValueError, match="a/1.mp4 and .*b/1.mp4 have one name"):
        read_list(file)
    file.write_text("\n# nothing\n")
    with pytest.raises(ValueError, match="names no clip"):
        read_list(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no text"):
        read_list(file)
    file.write_text("gone.mp4\n")
    with pytest.raises(ValueError, match="none of the 1 clips of the list is there"):
        index_clips(file, tmp_path / "work")
