"""Evidence of clips whose answer is known: class 0 is red in frames 30 to 59 of 90, class 1 green in 70 to 89."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pandas as pd
import pytest
from bright import HEIGHT, WIDTH, Bright, bright_clip, bright_params, square
from fakes import smoke_params
from torch import nn

from vpipe_utils.learning.params import TrainParams
from vpipe_utils.review.evidence import clips
from vpipe_utils.review.evidence.clips import explaining, write_evidence
from vpipe_utils.review.evidence.places import holds
from vpipe_utils.review.tables import COLUMNS, EVIDENCE, PREDICTED, UNREADABLE, read_review_table

FPS, FRAMES = 10, 90
SEEN = {0: range(30, 60), 1: range(70, 90)}
NAME = "<img src=x onerror=alert(1)>.mp4"


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in (NAME, "second.mp4"):
        bright_clip(folder / name, FRAMES, SEEN, FPS)
    return folder


def review_of(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, list[str]]]:
    """Table of clips, calibrated probabilities, and what is shown; `gone.mp4` was there when it was predicted."""
    codes = bright_params("super_image").class_codes
    rows = [(name, str(folder / name), FRAMES, PREDICTED) for name in (NAME, "second.mp4", "gone.mp4")]
    rows.append(("bad.mp4", str(folder / "bad.mp4"), 0, UNREADABLE))
    table = pd.DataFrame(rows, columns=["video", "path", "frames", "status"])
    named = {"recording": table["video"], "fps": FPS, "duration_s": 9.0, "width": WIDTH, "height": HEIGHT, "reason": ""}
    chances = pd.DataFrame(0.25, index=range(3), columns=codes).assign(video=table["video"][:3])
    shown = {name: [codes[0], codes[1]] for name in (*table["video"],)}
    return table.assign(**named), chances[["video", *codes]], shown


def explainer(kind: str, strength: float = 200.0) -> tuple[TrainParams, nn.Module]:
    codes = bright_params(kind).class_codes
    # the first three classes are the coloured ones; none of them may be the normal class
    params = bright_params(kind).model_copy(update={"normal_class": codes[-1]})
    return params, Bright(len(codes), strength)


@pytest.mark.parametrize("kind", ["super_image", "tiles", "frame"])
def test_the_second_the_point_and_the_span_are_right(kind: str, footage: Path, tmp_path: Path) -> None:
    said = write_evidence(explainer(kind), *review_of(footage)[:2], tmp_path, review_of(footage)[2], progress=False)
    table = read_review_table(tmp_path, EVIDENCE)
    assert list(table.columns) == list(COLUMNS[EVIDENCE]) and len(table) == 4
    assert [sentence.split(":")[0] for sentence in said] == ["gone.mp4"]
    for row in table.itertuples():
        of_class = bright_params(kind).class_codes.index(table.at[row.Index, "class"])
        when = SEEN[of_class]
        assert row.frame in when and row.second == pytest.approx(row.frame / FPS)
        assert (row.first_s, row.last_s) == (pytest.approx(when[0] / FPS), pytest.approx(when[-1] / FPS))
        assert holds(square(of_class), row.x, row.y) and row.x0 <= row.x < row.x1 and row.y0 <= row.y < row.y1
        assert row.probability == 0.25
        pictures = [cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) for name in (row.picture, row.heat)]
        assert [picture.shape for picture in pictures] == [(HEIGHT, WIDTH, 3), (HEIGHT, WIDTH, 4)]


def test_a_network_that_looks_at_nothing_has_no_evidence_and_says_so(footage: Path, tmp_path: Path) -> None:
    table, chances, shown = review_of(footage)
    said = write_evidence(explainer("tiles", 0.0), table[:1], chances, tmp_path, shown, progress=False)
    assert len(read_review_table(tmp_path, EVIDENCE)) == 0
    assert len(said) == 2 and all("nothing in its frames speaks for" in sentence for sentence in said)


def test_the_normal_class_is_not_explained(footage: Path, tmp_path: Path) -> None:
    params, network = explainer("tiles")
    params = params.model_copy(update={"normal_class": params.class_codes[0]})
    table, chances, shown = review_of(footage)
    write_evidence((params, network), table, chances, tmp_path, shown, progress=False)
    assert set(read_review_table(tmp_path, EVIDENCE)["class"]) == {params.class_codes[1]}


def test_a_clip_that_is_only_normal_has_no_evidence(footage: Path, tmp_path: Path) -> None:
    params, network = explainer("tiles")
    table, chances, _ = review_of(footage)
    shown = {NAME: [params.normal_class], "second.mp4": [params.normal_class, params.class_codes[0]]}
    said = write_evidence((params, network), table, chances, tmp_path, shown, progress=False)
    assert said == [] and list(read_review_table(tmp_path, EVIDENCE)["video"]) == ["second.mp4"]


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, chances, shown = review_of(footage)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    write_evidence(explainer("tiles"), table, chances, whole, shown, progress=False)
    looked = []
    explain = clips._explained

    def dies(*about: object) -> dict:
        if len(looked) == 1:
            raise KeyboardInterrupt
        looked.append(about)
        return explain(*about)

    monkeypatch.setattr(clips, "_explained", dies)
    with pytest.raises(KeyboardInterrupt):
        write_evidence(explainer("tiles"), table, chances, stopped, shown, progress=False)
    monkeypatch.setattr(clips, "_explained", explain)
    write_evidence(explainer("tiles"), table, chances, stopped, shown, progress=False)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(stopped) for path in stopped.rglob("*") if path.is_file())
    assert all((whole / path).read_bytes() == (stopped / path).read_bytes() for path in files)
    monkeypatch.setattr(clips, "_explained", None)  # nothing is looked at a second time
    write_evidence(explainer("tiles"), table, chances, stopped, shown | {"gone.mp4": []}, progress=False)


def test_threads_change_no_byte(footage: Path, tmp_path: Path) -> None:
    table, chances, shown = review_of(footage)
    for workers in (1, 3):
        write_evidence(explainer("tiles"), table, chances, tmp_path / str(workers), shown, False, workers)
    one, three = (sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("1", "3"))
    assert [path.name for path in one] == [path.name for path in three] and len(one) > 2
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, three, strict=True))


def test_what_is_no_longer_shown_goes_and_other_pictures_stay(footage: Path, tmp_path: Path) -> None:
    table, chances, shown = review_of(footage)
    write_evidence(explainer("tiles"), table, chances, tmp_path, shown, progress=False)
    (tmp_path / "pictures" / "sheet.jpg").write_bytes(b"somebody else's")
    write_evidence(explainer("tiles"), table, chances, tmp_path, {NAME: shown[NAME][:1]}, progress=False)
    left = read_review_table(tmp_path, EVIDENCE)
    assert len(left) == 1
    named = {Path(name).name for name in (*left["picture"], *left["heat"])}
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == named | {"sheet.jpg"}


def test_another_file_or_network_is_looked_at_anew(footage: Path, tmp_path: Path) -> None:
    table, chances, shown = review_of(footage)
    folder = shutil.copytree(footage, tmp_path / "own")
    table["path"] = [str(folder / name) for name in table["video"]]
    write_evidence(explainer("tiles"), table, chances, tmp_path, shown, progress=False)
    before = read_review_table(tmp_path, EVIDENCE)
    bright_clip(folder / "second.mp4", FRAMES, {0: range(0, 20), 1: SEEN[1]}, FPS)
    write_evidence(explainer("tiles"), table, chances, tmp_path, shown, progress=False)
    after = read_review_table(tmp_path, EVIDENCE)
    moved = before["frame"] != after["frame"]
    assert list(after.loc[moved, "video"]) == ["second.mp4"]
    write_evidence(explainer("tiles", 0.0), table, chances, tmp_path, shown, progress=False)
    assert len(read_review_table(tmp_path, EVIDENCE)) == 0


def test_which_member_explains_an_ensemble() -> None:
    net = nn.Identity()
    frame, whole, tiles = (bright_params(kind) for kind in ("frame", "super_image", "tiles"))
    tiles = tiles.model_copy(update={"head": "linear"})
    decoder = tiles.model_copy(update={"head": "ml_decoder"})
    clip = smoke_params("video_swin_k400")
    assert explaining([(frame, net, 0.9), (whole, net, 0.1), (tiles, net, 0.05)])[0] is tiles
    assert explaining([(frame, net, 0.9), (whole, net, 0.1), (decoder, net, 0.2)])[0] is decoder
    assert explaining([(clip, net, 0.9), (frame, net, 0.1)])[0] is frame
    with pytest.raises(ValueError, match="needs a super-image or a frame model"):
        explaining([(clip, net, 1.0)])
