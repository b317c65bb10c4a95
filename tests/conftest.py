"""What several test files share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from make_videos import HEADER_FIRST, cut_off, make_audio, make_video

IPYTHON = tempfile.TemporaryDirectory(prefix="vpipe-ipython-")
os.environ["IPYTHONDIR"] = IPYTHON.name  # kernels that tests start know nothing of the user's start-up files
os.environ["VPIPE_FIGURES"] = "strict"  # a figure that fails fails its test, also in notebooks that tests start
os.environ.pop("VPIPE_LAB", None)  # a terminal of `make lab` has it: no notebook that tests start shows widgets

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ROOT.parent / "shared" / "data" / "clips"  # six real clips, where they lie beside the repository


# The longest files first, so that at the end one worker has little left to wait for.
FIRST = ("test_whole_report.py", "test_workflow.py", "test_disks.py", "test_launch.py", "test_with_records.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker is busy with the very first file while the other does the rest, long files before short ones."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


@pytest.fixture(scope="session")
def clips() -> Path:
    """Folder of real clips; tests that need it are skipped where it is absent."""
    if not CLIPS.is_dir():
        pytest.skip(f"no real clips at {CLIPS}")
    return CLIPS


@pytest.fixture(scope="session")
def unreadable(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Files that are no videos, by path, with a part of the reason that must be given."""
    folder = tmp_path_factory.mktemp("unreadable")
    (folder / "empty.mp4").touch()
    (folder / "garbage.mp4").write_bytes(bytes(range(256)) * 40)
    (folder / "text.mp4").write_text("this is no video\n" * 500)
    (folder / "folder.mp4").mkdir()
    headless = make_video(folder / "headless.mp4")  # MP4 without faststart has its header at the end
    cut_off(headless, 0.9)
    no_frame = make_video(folder / "no_frame.mp4", container_options=HEADER_FIRST)
    data = no_frame.read_bytes()
    no_frame.write_bytes(data[: data.find(b"mdat") + 4])
    make_audio(folder / "sound.mp4")
    return {
        folder / "missing.mp4": "there is no such file",
        folder / "folder.mp4": "not a file",
        folder / "empty.mp4": "empty",
        folder / "garbage.mp4": "not a video",
        folder / "text.mp4": "not a video",
        folder / "headless.mp4": "cut off",
        folder / "no_frame.mp4": "not one frame can be decoded",
        folder / "sound.mp4": "no video stream, only audio",
    }
