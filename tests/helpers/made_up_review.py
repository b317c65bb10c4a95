"""A made-up folder of a review: small real videos with odd names, pictures, tables as `make predict` writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from make_videos import make_video

from vpipe_utils.data.classes import CLASSES
from vpipe_utils.review.page.sheets import write_sheet
from vpipe_utils.review.tables import CALIBRATED, CLIPS, EVIDENCE, PREDICTIONS, QUEUE, REVIEW, write_review_table
from vpipe_utils.storage.tables import write_json, write_table

EVIL = "<img src=x onerror=alert(1)>.mp4"
ODD = (  # names that HTML, scripts, addresses, tables or the reading direction could be misled by
    EVIL,
    "say \"hi\" & 'bye' <\N{DIVISION SLASH}script><b>.mp4",
    "50% of #3? a=1&b;c.mp4",
    "\N{RIGHT-TO-LEFT OVERRIDE}4pm.exe \N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}.mp4",
    "管道 é, ü;x\\y.mp4",
    "old camera.avi",
)
SIZE, FPS, FRAMES = (160, 120), 10, 40
GUARANTEE = {
    "missed": 0.05, "kept": 0.6, "measured_on": "240 clips of 212 recordings that no model has seen",
    "levels": [{"missed": 0.05, "watch": 0.62, "realised": 0.041}, {"missed": 0.1, "watch": 0.44, "realised": 0.083}],
    "breaks_when": "Another camera, another town or another way of filming breaks this promise.",
}  # fmt: skip


def made_up_review(
    folder: Path, names: Sequence[str] = ODD, videos: bool = True, evidence: bool = True,
    classes: Sequence[str] = CLASSES, record: dict | None = None, seed: int = 0,
) -> Path:  # fmt: skip
    """Write a review of ``names``; with more than two, a further clip cannot be read.

    ``videos``: whether the files are there.
    """
    random = np.random.default_rng(seed)
    where = folder.parent / "new clips"
    broken = names[-1] if len(names) > 2 and videos else None
    if videos:
        for k, name in enumerate(names):
            codec = {"codec": "mpeg4"} if name.endswith(".avi") else {}
            make_video(where / name, FRAMES, *SIZE, fps=FPS, first=7 * k, **codec)
        if broken:
            (where / "broken one.mp4").write_bytes(b"no video")
    rows = [_clip(where / name) for name in names]
    if broken:
        rows.append(
            _clip(where / "broken one.mp4") | {"status": "unreadable", "reason": "it is not a video", "frames": 0}
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_review_table(pd.DataFrame(rows), folder, CLIPS)
    values = np.round(random.beta(0.35, 1.6, (len(names), len(classes))), 3).astype(np.float32)
    values[:, 6 % len(classes)] = np.linspace(0.95, 0.05, len(names))  # of QV-Pipe's classes: PL
    table = pd.concat([pd.DataFrame({"video": list(names)}), pd.DataFrame(values, columns=list(classes))], axis=1)
    write_table(table, folder / CALIBRATED)
    write_table(table, folder / PREDICTIONS)
    if evidence:
        write_review_table(_evidence(folder, table, classes, random), folder, EVIDENCE)
    write_review_table(_queue(names), folder, QUEUE)
    given = {"name": folder.name, "model": "ensemble of preset demo", "classes": list(classes), "preset": "own"}
    given |= {"made": "2026-11-26 12:00", "guarantee": GUARANTEE, "threshold": dict.fromkeys(classes, 0.5)}
    write_json(given | (record or {}), folder / REVIEW)
    return folder


def _clip(path: Path) -> dict:
    return {
        "video": path.name, "path": str(path.resolve()), "recording": path.stem.split("_")[0], "frames": FRAMES,
        "fps": FPS, "duration_s": FRAMES / FPS, "width": SIZE[0], "height": SIZE[1],
        "status": "predicted", "reason": "",
    }  # fmt: skip


def _queue(names: Sequence[str]) -> pd.DataFrame:
    need = np.linspace(1, 0, len(names))
    rows = {"video": list(names), "rank": np.arange(1, len(names) + 1), "watch": need > 0.35, "need": need}
    return pd.DataFrame({**rows, "drift": np.where(need < 0.1, 1.3, 0.4), "why": "PL may show; two networks differ."})


def _evidence(folder: Path, table: pd.DataFrame, classes: Sequence[str], random: np.random.Generator) -> pd.DataFrame:
    rows = []
    (folder / "pictures").mkdir(exist_ok=True)
    for k, (name, *values) in enumerate(table.itertuples(index=False)):
        for code, value in zip(classes, values, strict=True):
            if value < 0.4 or code == "ZC":
                continue
            x, y = random.uniform(40, 120), random.uniform(30, 90)
            second = float(random.uniform(0.5, 3.5))
            stem = hashlib.sha256(f"{name} {code}".encode()).hexdigest()[:16]
            if k < 50:  # pictures of the first are enough
                _picture(folder / "pictures" / f"{stem}.jpg", folder / "pictures" / f"{stem}.png", x, y, random)
            rows.append({
                "video": name, "class": code, "probability": value, "frame": int(second * FPS), "second": second,
                "first_s": second - 0.4, "last_s": second + 0.4, "x": x, "y": y, "x0": x - 22, "y0": y - 16,
                "x1": x + 22, "y1": y + 16, "picture": f"pictures/{stem}.jpg", "heat": f"pictures/{stem}.png",
            })  # fmt: skip
    return pd.DataFrame(rows)


def _picture(frame: Path, heat: Path, x: float, y: float, random: np.random.Generator) -> None:
    """A round pipe, and a warm spot as a picture with an alpha channel."""
    across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    pipe = np.clip(np.hypot(across - 80, down - 60) * 1.6, 0, 190)[..., None] + random.normal(0, 9, (*SIZE[::-1], 3))
    cv2.imwrite(str(frame), np.clip(pipe, 0, 255).astype(np.uint8))
    spot = np.exp(-((across - x) ** 2 / 500 + (down - y) ** 2 / 300))
    colour = np.stack([0 * spot, 110 * spot + 60, 255 + 0 * spot, 190 * spot], axis=-1)
    cv2.imwrite(str(heat), colour.astype(np.uint8))


def sheets_without_reading(folder: Path, names: Sequence[str]) -> None:
    """Contact sheets for clips that are not there, so that a page of many clips is quick to make."""
    frames = [np.full((12, 16, 3), 20 * k, np.uint8) for k in range(9)]
    for name in names:
        write_sheet(frames, folder, name)
