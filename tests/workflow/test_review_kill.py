"""`kill -9` in the middle of `make predict`, and the same command again: the same review, byte for byte.

Networks with random weights, 72 clips. It is killed while it reads clips, while it predicts and while it looks for
evidence.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from subprocess import Popen

import pytest
from killing import finish, kill_when, start
from made_up_trained import made_up_preset
from make_videos import make_video

from vpipe_utils.review.tables import CALIBRATED, EVIDENCE, PREDICTIONS

ROOT = Path(__file__).resolve().parents[2]
CLIPS = 72  # more than a block of predictions has
OWN = (".lock", "work")  # not of the review: what a run that was killed goes on from


def written(folder: Path) -> dict[str, str]:
    files = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(file): hashlib.sha256((folder / file).read_bytes()).hexdigest()
        for file in files
        if file.parts[0] not in OWN
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.whole
def test_a_killed_review_ends_with_the_same_bytes(tmp_path: Path) -> None:
    for k in range(CLIPS):
        make_video(tmp_path / "october" / f"{k}.mp4", frames=12 + k % 5, first=3 * k)
    (tmp_path / "october" / "broken.mp4").write_bytes(b"no video")
    outputs, kept = tmp_path / "outputs", tmp_path / "kept"
    made_up_preset(outputs)
    shutil.copytree(outputs, kept)
    review = outputs / "smoke" / "review" / "october"

    def predict() -> Popen[str]:
        words = ("--videos", str(tmp_path / "october"), "--run", str(outputs / "smoke"), "--workers", "2")
        return start(ROOT, "review", *words)

    def there(pattern: str) -> int:
        return len(list(review.glob(pattern)))

    def times(pattern: str) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in review.glob(pattern)}

    finish(predict())
    undisturbed = written(review)
    notes = there("evidence/*.json")
    assert notes > 10 and there("exports/*") and {PREDICTIONS, "predictions.csv", "index.html"} <= set(undisturbed)

    shutil.rmtree(outputs)
    shutil.copytree(kept, outputs)  # in the same place, for the page names it
    kill_when(predict(), lambda: there("work/tiles/*.bin") > 0)
    assert not there("work/predicted/*.parquet"), "nothing was predicted"
    kill_when(predict(), lambda: there("work/predicted/*.parquet") > 0)
    assert there("work/predicted/*.parquet") < 4 and not there(PREDICTIONS), "two blocks of two networks"
    done = times("work/predicted/*.parquet")
    kill_when(predict(), lambda: there("evidence/*.json") > notes // 3)
    assert there(CALIBRATED) and there("evidence/*.json") < notes and not there(EVIDENCE)
    done |= times("evidence/*.json")
    finish(predict())
    assert written(review) == undisturbed
    assert done.items() <= (times("work/predicted/*.parquet") | times("evidence/*.json")).items(), "nothing done twice"
    for file in ("work/predicted", "work/tiles", "evidence", "pictures", "."):
        assert not [path for path in (review / file).iterdir() if path.name.endswith(".part")]
