"""Label sets, recordings and names follow the real figures."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from vpipe_utils.data.annotations import recording_of
from vpipe_utils.data.classes import CLASSES
from vpipe_utils.pipesim.labelsets import label_sets, plan, probabilities

REAL_POSITIVES = (1690, 1502, 1128, 770, 646, 270, 492, 521, 374, 243, 340, 223, 164, 100, 98, 228, 133)


def counts_of(clips) -> Counter:
    return Counter(code for clip in clips for code in clip.labels)


def test_label_sets_are_the_real_ones():
    sets, counts = label_sets()
    assert len(sets) == len(set(sets)) == 327
    assert counts.sum() == 6399 and (counts == 1).sum() == 149
    positives = [sum(n for labels, n in zip(sets, counts, strict=True) if code in labels) for code in CLASSES]
    assert tuple(positives) == REAL_POSITIVES
    assert all(labels == ("ZC",) or "ZC" not in labels for labels in sets)
    assert all(list(labels) == sorted(labels, key=CLASSES.index) for labels in sets)


def test_probabilities():
    _, counts = label_sets()
    np.testing.assert_allclose(probabilities(0.0), counts / 6399)
    sets, _ = label_sets()
    p = probabilities(0.5)
    assert p.sum() == pytest.approx(1)
    # (QF,) against (ZC,): 98 and 1690 positives of the rarest class in the set
    qf, zc = sets.index(("QF",)), sets.index(("ZC",))
    assert p[qf] / p[zc] == pytest.approx(counts[qf] / counts[zc] * (1690 / 98) ** 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_every_class_is_in_both_splits(seed):
    clips = plan(150, 150, seed, 0.5)
    for split in ("train", "test"):
        counts = counts_of(clip for clip in clips if clip.split == split)
        assert min(counts[code] for code in CLASSES) >= 3


def test_names_and_recordings():
    clips = plan(900, 300, 5, 0.5)
    assert [clip.split for clip in clips] == ["train"] * 900 + ["test"] * 300
    assert len({clip.video for clip in clips}) == 1200
    pieces = defaultdict(list)
    for clip in clips:
        assert recording_of(clip.video) == clip.recording
        pieces[clip.recording].append(clip)
    assert all(len({clip.split for clip in group}) == 1 for group in pieces.values())
    several = [group for group in pieces.values() if len(group) > 1]
    assert 0.02 < sum(map(len, several)) / 1200 < 0.2  # 7.5 % in the real data, large recordings make it vary
    assert all("ZC" not in clip.labels for group in several for clip in group)


def test_pieces_of_a_recording_share_labels():
    clips = plan(8000, 0, 3, 0.0)
    pieces = defaultdict(list)
    for clip in clips:
        pieces[clip.recording].append(set(clip.labels))
    pairs = [group[0] & group[1] for group in pieces.values() if len(group) > 1]
    assert 0.35 < np.mean([bool(pair) for pair in pairs]) < 0.65  # the real figure is 0.48


def test_untempered_plan_has_the_real_figures():
    clips = plan(8000, 0, 1, 0.0)
    counts = counts_of(clips)
    for code, real in zip(CLASSES, REAL_POSITIVES, strict=True):
        expected = real / 6399 * 8000
        assert abs(counts[code] - expected) < 4.5 * expected**0.5, code
    assert np.mean([len(clip.labels) for clip in clips]) == pytest.approx(1.396, abs=0.03)


def test_plan_is_repeatable_and_seeded():
    assert plan(60, 20, 1, 0.5) == plan(60, 20, 1, 0.5)
    assert plan(60, 20, 1, 0.5) != plan(60, 20, 2, 0.5)
