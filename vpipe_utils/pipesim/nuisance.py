"""What spoils a recording whatever it shows: few pixels, repeated pictures, haze, a dirty lens, black, titles.

A clip's `Nuisance` is drawn from a generator of its own and never from the labels. The haze is laid over the
log-polar picture, everything else over finished frames. Evidence stays true: a repeated picture repeats its
evidence, and a frame that shows nothing of the pipe has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from vpipe_utils.pipesim.render import Picture
from vpipe_utils.pipesim.scene import grid

Row = tuple[str, int, int, int, int, int, float]  # class, frame, x0, y0, x1, y1, share of the pixels
TITLES = ("SEWER INSPECTION", "SECTION", "MANHOLE", "CAMERA TEST", "PIPE SURVEY")


@dataclass(frozen=True)
class Nuisance:
    """How a clip is spoilt; the defaults spoil nothing."""

    pixels: float = 1.0  # side of the pictures that the camera delivers, in shares of the file's
    hold: int = 1  # each picture is repeated so often: a slower camera in a faster file
    coarser: int = 0  # added to the encoder's quality number: fewer bits
    haze: float = 0.0  # share of contrast lost far away, 0–1
    mist: float = 0.0  # share of contrast lost everywhere, 0–1
    defocus: float = 0.0  # standard deviation in shares of the picture's height
    spots: tuple[tuple[float, float, float, float], ...] = ()  # on the lens: x, y, radius in heights; -1 dirt … 1 drop
    title: float = 0.0  # share of the frames, at the beginning, that are a title card
    dark: tuple[float, float] = (0.0, 0.0)  # the lamp is off from here to there, in shares of the frames
    card: tuple[int, int] = (0, 0)  # tone of the title card and number of its text

    def shown(self, n_frames: int) -> np.ndarray:
        """int (F,): the picture that each frame shows; -1 where it shows a title or nothing."""
        k = np.arange(n_frames)
        shown = k // self.hold * self.hold
        start, end = (round(share * n_frames) for share in self.dark)
        shown[start:end] = -1
        shown[: int(np.ceil(self.title * n_frames))] = -1
        return shown


def draw(rng: np.random.Generator) -> Nuisance:
    """Draw how a clip is spoilt; about one clip in seven is not at all, of the rest most in one or two ways."""
    spots = ()
    if rng.random() < 0.22:
        spots = tuple(
            (rng.uniform(-0.1, 1.4), rng.uniform(0, 1), rng.uniform(0.03, 0.11), rng.choice([-1.0, 1.0]))
            for _ in range(rng.integers(1, 7))
        )
    start, length = rng.choice([0.0, rng.uniform(0.1, 0.9), 0.95]), rng.uniform(0.03, 0.09)
    return Nuisance(
        pixels=float(rng.uniform(0.6, 0.95)) if rng.random() < 0.2 else 1.0,
        hold=int(rng.integers(2, 4)) if rng.random() < 0.15 else 1,
        coarser=int(rng.integers(1, 7)) if rng.random() < 0.4 else 0,
        haze=float(rng.uniform(0.1, 0.45)) if rng.random() < 0.2 else 0.0,
        mist=float(rng.uniform(0.1, 0.35)) if rng.random() < 0.14 else 0.0,
        defocus=float(rng.uniform(0.003, 0.008)) if rng.random() < 0.12 else 0.0,
        spots=spots,
        title=float(rng.uniform(0.02, 0.08)) if rng.random() < 0.12 else 0.0,
        dark=(float(start), float(min(start + length, 1))) if rng.random() < 0.12 else (0.0, 0.0),
        card=(int(rng.integers(10, 90)), int(rng.integers(len(TITLES)))),
    )


def veil(shot: Picture, nuisance: Nuisance) -> Picture:
    """The picture through haze: the further away, the nearer to the mean of what lies as far."""
    if not nuisance.haze:
        return shot
    far = nuisance.haze * (1 - np.exp(-0.25 / grid().r))[..., None]  # a ray of slope r ends about 1 / r away
    mean = cv2.GaussianBlur(shot.rgb.mean((0, 2), keepdims=True)[..., 0], (0, 0), 6.0)[..., None]
    return replace(shot, rgb=(shot.rgb + far * (mean - shot.rgb)).astype(np.float32))


def apply(
    frames: np.ndarray, evidence: list[Row], nuisance: Nuisance, rng: np.random.Generator
) -> tuple[np.ndarray, list[Row]]:
    """Spoil uint8 frames (F, H, W, 3); gives new frames of that shape and the evidence that is left.

    Haze and the encoder's bits are not applied here: see `veil` and `encode.write_video`.
    """
    n_frames, height, width = frames.shape[:3]
    shown = nuisance.shown(n_frames)
    lens = _lens(nuisance, height, width)
    card = _title_card(nuisance, height, width)
    titled = int(np.ceil(nuisance.title * n_frames))
    out = np.empty_like(frames)
    for k, source in enumerate(shown):
        if k < titled:
            image = card
        elif source < 0:
            image = np.full((height, width, 3), 5, np.uint8)
        elif k and source == shown[k - 1]:
            out[k] = out[k - 1]
            continue
        else:
            image = _through_lens(frames[source], nuisance, lens)
        if source < 0:
            grain = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(2.5)
            image = np.clip(image + grain, 0, 255).astype(np.uint8)
        out[k] = _fewer_pixels(image, nuisance.pixels)
    rows: dict[int, list[Row]] = {}
    for row in evidence:
        rows.setdefault(row[1], []).append(row)
    kept = [(row[0], k, *row[2:]) for k, source in enumerate(shown) for row in rows.get(int(source), [])]
    return out, kept


def _lens(nuisance: Nuisance, height: int, width: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Opacity (H, W, 1) of dirt and of drops on the lens; None for a clean one."""
    if not nuisance.spots:
        return None
    x = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None]
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
    dirt, drops = (np.zeros((height, width), np.float32) for _ in range(2))
    for at_x, at_y, radius, kind in nuisance.spots:
        distance = np.sqrt((x - np.float32(at_x)) ** 2 + (y - np.float32(at_y)) ** 2) / np.float32(radius)
        layer, soft = (drops, 0.25) if kind > 0 else (dirt, 0.8)
        np.maximum(layer, np.clip((1 - distance) / soft, 0, 1), out=layer)
    return dirt[..., None], drops[..., None]


def _through_lens(image: np.ndarray, nuisance: Nuisance, lens: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    height = image.shape[0]
    if not (nuisance.defocus or nuisance.mist or lens):
        return image
    out = image.astype(np.float32)
    if nuisance.defocus:
        out = cv2.GaussianBlur(out, (0, 0), max(nuisance.defocus * height, 0.3))
    if lens:
        dirt, drops = lens
        blurred = cv2.GaussianBlur(out, (0, 0), 0.06 * height)
        out += drops * (np.roll(blurred[::-1], 2, 0) * 0.25 + blurred * 0.85 - out)  # a drop mirrors and spreads light
        out *= 1 - 0.55 * dirt
    if nuisance.mist:
        out += np.float32(nuisance.mist) * (out.mean((0, 1)) - out)
    return np.clip(out, 0, 255).astype(np.uint8)


def _fewer_pixels(image: np.ndarray, share: float) -> np.ndarray:
    if share >= 1:
        return image
    height, width = image.shape[:2]
    small = cv2.resize(
        image, (max(8, round(width * share)), max(8, round(height * share))), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _title_card(nuisance: Nuisance, height: int, width: int) -> np.ndarray:
    """A plain card with a few lines of text (H, W, 3)."""
    tone, text = nuisance.card
    card = np.full((height, width, 3), tone, np.uint8)
    for k, line in enumerate((TITLES[text], f"NO {tone * 37 % 1000:03d}", f"DN {300 + 100 * (tone % 5)}")):
        cv2.putText(
            card, line, (round(0.1 * width), round((0.3 + 0.2 * k) * height)), cv2.FONT_HERSHEY_SIMPLEX,
            height / 260, (225, 225, 225), 1, cv2.LINE_AA,
        )  # fmt: skip
    return card
