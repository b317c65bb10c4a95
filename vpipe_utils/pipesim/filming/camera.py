"""What the camera sees on its path: which defects, how large, and the frames.

A view is the slope (distance from the axis over depth) at the upper edge of the picture and the slope the
camera points at; zooming in makes the first small. A frame is one `cv2.remap` of the log-polar picture.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from vpipe_utils.pipesim.filming.path import Views
from vpipe_utils.pipesim.materials import Look
from vpipe_utils.pipesim.render import Picture
from vpipe_utils.pipesim.scene import N_R, N_THETA, R_INNER, R_OUTER

# A defect counts as in sight from this share of the picture's pixels on, where a path is chosen and where evidence is
# recorded alike: about 15 x 15 pixels of 160 x 120, 7 x 7 of a tile of 64 px. Of less a network sees nothing.
MIN_SHARE = 0.012


def ray_maps(views: Views, frames: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """For frames of that size: column and row in the log-polar picture, float32 (F, H, W) each."""
    x = ((np.arange(width, dtype=np.float32) + 0.5) - width / 2) * np.float32(2 / height)
    y = (np.arange(height, dtype=np.float32) + 0.5) * np.float32(2 / height) - 1
    slope, aim = views.slope[frames, None, None], views.aim[frames]
    shape = (len(frames) * height, width)
    sx = np.broadcast_to(x[None, None] * slope + aim[:, 0, None, None], (len(frames), height, width)).reshape(shape)
    sy = np.broadcast_to(y[None, :, None] * slope + aim[:, 1, None, None], (len(frames), height, width)).reshape(shape)
    r, angle = cv2.cartToPolar(np.ascontiguousarray(sy), np.ascontiguousarray(sx))  # angle from straight down
    column = (np.float32(np.log(R_OUTER)) - cv2.log(np.maximum(r, R_INNER))) * np.float32(
        (N_R - 1) / np.log(R_OUTER / R_INNER)
    )
    row = angle * np.float32(N_THETA / (2 * np.pi)) - 0.5
    return np.clip(column, 0, N_R - 1), row + 1  # the pictures are padded by one row at either end


def padded(picture: np.ndarray) -> np.ndarray:
    """One more row at either end, so that interpolation closes the circle."""
    return np.concatenate([picture[-1:], picture, picture[:1]])


def visible_shares(picture: Picture, views: Views, aspect: float) -> np.ndarray:
    """Share of the picture's pixels of each class, from small views: (F, codes)."""
    height = 60
    width = round(height * aspect)
    frames = np.arange(len(views.slope))
    columns, rows = ray_maps(views, frames, width, height)
    bits = cv2.remap(padded(picture.evidence), columns, rows, cv2.INTER_NEAREST).reshape(len(frames), -1)
    return np.stack([((bits >> k) & 1).mean(1) for k in range(len(picture.codes))], 1)


def film(
    picture: Picture, views: Views, look: Look, rng: np.random.Generator, width: int, height: int, fps: float
) -> tuple[np.ndarray, list[tuple[str, int, int, int, int, int, float]]]:
    """Frames uint8 (F, H, W, 3) RGB, and evidence rows (class, frame, x0, y0, x1, y1, share of the pixels).

    Boxes are in pixels, x1 and y1 exclusive.
    """
    n_frames = len(views.slope)
    rgb, bits = padded(picture.rgb), padded(picture.evidence)
    small = cv2.GaussianBlur(rgb, (0, 0), 4.0)  # for what is far away
    flicker = padded(picture.flicker) if picture.flicker is not None else None
    tint = np.float32(look.tint) * np.float32(rng.uniform(0.92, 1.08))
    static, ripple = _noise_bank(width, height)
    shade = _vignette(width, height, look.vignette)
    target, exposure = rng.uniform(0.17, 0.27), None
    lamp = 1 + 0.03 * rng.standard_normal(n_frames)
    gamma = rng.uniform(0.46, 0.58)
    frames = np.empty((n_frames, height, width, 3), np.uint8)
    evidence = []
    for k in range(n_frames):
        columns, rows = ray_maps(views, np.array([k]), width, height)
        image = cv2.remap(rgb, columns, rows, cv2.INTER_LINEAR)
        _soften_centre(image, small, columns, rows, views, k)
        if flicker is not None:
            share = cv2.remap(flicker, columns, rows, cv2.INTER_LINEAR)
            image *= (1 + share * ripple[k % len(ripple)])[..., None]
        want = target / max(float(image.mean()), 1e-4)
        exposure = want if exposure is None else exposure * (want / exposure) ** 0.5  # lags behind
        sigma = float(views.blur[k]) * height
        if sigma > 0.4:
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        image = np.maximum(image * (tint * np.float32(exposure * lamp[k])) * shade, 0)
        image = cv2.pow(image / (1 + 0.25 * image), gamma)
        grain = static[int(rng.integers(len(static)))]
        grain = np.roll(grain, (int(rng.integers(height)), int(rng.integers(width))), (0, 1))
        image += grain * np.float32(look.gain_noise)
        frames[k] = np.clip(image * 255, 0, 255).astype(np.uint8)
        _write_text(frames[k], look, k / fps)
        evidence += _evidence(cv2.remap(bits, columns, rows, cv2.INTER_NEAREST), picture.codes, k)
    return frames, evidence


def _soften_centre(
    image: np.ndarray, small: np.ndarray, columns: np.ndarray, rows: np.ndarray, views: Views, k: int
) -> None:
    """Around the vanishing point a pixel covers many rays: take a blurred picture there, or it glitters."""
    height, width = image.shape[:2]
    scale = height / (2 * views.slope[k])
    x, y = (int(round(side / 2 - views.aim[k, axis] * scale)) for axis, side in ((0, width), (1, height)))
    reach = round(height * 0.1)
    box = np.s_[max(0, y - reach) : max(0, y + reach), max(0, x - reach) : max(0, x + reach)]
    if image[box].size:
        image[box] = cv2.remap(
            small, np.ascontiguousarray(columns[box]), np.ascontiguousarray(rows[box]), cv2.INTER_LINEAR
        )


@lru_cache(maxsize=2)
def _noise_bank(width: int, height: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures of sensor noise (H, W, 3) and of ripples (H, W).

    The same for all clips, used at random offsets. Ripples are waves on water and drops of a jet: wider than
    high.
    """
    rng = np.random.default_rng(0)
    static = [rng.standard_normal((height, width, 3), dtype=np.float32) for _ in range(6)]
    ripple = [cv2.GaussianBlur(s[..., 1], (0, 0), 0.035 * height, sigmaY=0.012 * height) for s in static]
    return static, [layer * np.float32(0.22 / max(layer.std(), 1e-6)) for layer in ripple]


def _vignette(width: int, height: int, strength: float) -> np.ndarray:
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return (1 - np.float32(strength) * (x**2 + y**2) / 2)[..., None]


def _write_text(frame: np.ndarray, look: Look, seconds: float) -> None:
    """On-screen text as the cameras burn it in; it says nothing about the labels."""
    height, width = frame.shape[:2]
    size = height / 400
    lines = (look.text_lines[0] + f" {int(seconds) // 60:02d}:{int(seconds) % 60:02d}", look.text_lines[1])
    color = ((255, 255, 255), (250, 235, 60), (120, 255, 120))[look.text_style]
    for k, line in enumerate(lines):
        x = 3 if look.text_corner % 2 == 0 else width - round(len(line) * 18 * size) - 2
        y = round((k + 1) * 34 * size) + 1 if look.text_corner < 2 else height - round((1 - k) * 34 * size) - 4
        cv2.putText(frame, line, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)


def _evidence(bits: np.ndarray, codes: tuple[str, ...], frame: int) -> list[tuple[str, int, int, int, int, int, float]]:
    """Box and share of each class that is visible in a frame; bits is uint8 (H, W)."""
    found = []
    for k, code in enumerate(codes):
        seen = (bits >> k) & 1
        share = float(seen.mean())
        if share >= MIN_SHARE:
            columns, rows = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
            box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
            found.append((code, frame, *box, round(share, 5)))
    return found
