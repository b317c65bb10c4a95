"""Which tile of a clip speaks for a class, and where in it: attribution by captum.

Two questions, each with several ways to answer it. Which tile: `TILE_WAYS`, a score a tile. Where in it: `MAP_WAYS`, a
map over the tile. Both kinds are there: gradients (how the logit would move with a pixel) and occlusion (how it moves
when a part is hidden). What is hidden is replaced by the tile's mean colour, which shows nothing and is no black hole.

Which way is taken is measured, not believed: `outputs/reference/evidence/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import (
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    LayerGradCam,
    LayerGradientXActivation,
    Occlusion,
)
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from vpipe_utils.review.evidence.networks import ClipLogits, as_picture

STEPS = 8  # of the path from mean colour to the tile, for integrated gradients (Gauss-Legendre); our choice
WINDOW = 4  # the hidden patch is a 4th of the tile's side and moves by half of itself; our choice
BLUR = 1 / 16  # of the tile's side: sigma by which maps of single pixels are smoothed; our choice
LEAST = 1e-7  # a map nowhere above this, in logits, is rounding: no evidence
AT_ONCE = 16  # occluded tiles in one pass
# Times the tile's side: the sizes at which a frame is looked at closer. On the demo's validation clips several larger
# sizes together pointed better than one, or than the tile's own; which ones mattered less.
CLOSER = (1.25, 1.5, 2.0)


class Way(NamedTuple):
    """One way to answer: whether it works by gradients, and the call."""

    kind: str  # "gradient" or "occlusion"
    call: Callable[..., np.ndarray]
    closer: bool = False  # whether it looks at the whole frame too


def score_tiles(way: str, logits: ClipLogits, tiles: Tensor, classes: list[int]) -> np.ndarray:
    """How much each tile of a clip speaks for each class: float `(K, n)`, in logits, of tiles `(n, 3, s, s)`."""
    return TILE_WAYS[way].call(logits, tiles, classes)


def map_tile(
    way: str, logits: ClipLogits, tiles: Tensor, tile: int, of_class: int, frame: np.ndarray | None = None
) -> np.ndarray | None:
    """Where in tile number `tile` a class shows: float `(s, s)`, 0 and above; None where nothing speaks for it.

    `frame`: the tile's whole frame, uint8 `(H, W, 3)`, for ways that look closer than a tile allows.
    """
    more = [frame] if MAP_WAYS[way].closer else []
    found = MAP_WAYS[way].call(logits, tiles, tile, of_class, *more)
    found = np.maximum(found, 0)
    return found if np.isfinite(found).all() and found.max() > LEAST else None


def map_frame(
    way: str,
    logits: ClipLogits,
    nine: Tensor,
    tile: int,
    picture: Tensor,
    of_class: int,
    frame: np.ndarray | None = None,
) -> np.ndarray | None:
    """The map of a class over any frame of a clip, as `map_tile` gives it for a tile.

    The frame as a tile, `picture` `(3, s, s)`, takes the place of number `tile` of the `nine` that the network sees,
    `(n, 3, s, s)`.
    """
    tiles = nine.clone()
    tiles[tile] = picture
    return map_tile(way, logits, tiles, tile, of_class, frame)


def has_maps(network: nn.Module) -> bool:
    """Whether Grad-CAM can be had: the backbone's stages are known and made of convolutions, not of tokens."""
    try:
        stages = [_stage(network, place) for place in (-1, -2, -3)]
    except (ValueError, IndexError, AttributeError):  # names of stages that are no modules
        return False
    return all(any(isinstance(part, nn.Conv2d) for part in stage.modules()) for stage in stages)


def looks_closer(logits: ClipLogits) -> bool:
    """Whether the network answers for one picture at all sizes of CLOSER: some convolutions keep to one size."""
    if not logits.separate:
        return False
    try:
        with torch.inference_mode():
            for factor in CLOSER:
                side = round(factor * logits.params.tile_px)
                logits.alone(torch.zeros(1, 3, side, side))
    except (RuntimeError, AssertionError, ValueError):
        return False
    return True


def mean_colour(tiles: Tensor) -> Tensor:
    """Tiles `(n, 3, s, s)` without anything to be seen in them: each in its own mean colour."""
    return tiles.mean(dim=(-2, -1), keepdim=True).expand_as(tiles)


def _alone(logits: ClipLogits, tiles: Tensor, classes: list[int]) -> np.ndarray:
    with torch.inference_mode():
        return logits.alone(tiles)[:, classes].T.double().numpy()


def _ablated(logits: ClipLogits, tiles: Tensor, classes: list[int]) -> np.ndarray:
    """How far the clip's logit falls when a tile is hidden; one pass over the tiles serves all classes."""
    mask = torch.arange(len(tiles)).view(1, -1, 1, 1, 1)
    with torch.no_grad():
        found = FeatureAblation(lambda clip: logits(clip)[0, classes]).attribute(
            tiles[None], baselines=mean_colour(tiles)[None], feature_mask=mask
        )
    return found[:, :, 0, 0, 0].double().numpy()


def _gradients(logits: ClipLogits, tiles: Tensor, classes: list[int]) -> np.ndarray:
    """Integrated gradients, summed over each tile: their sum over all is the logit above that of mean colours."""
    path = IntegratedGradients(logits)
    rows = []
    for of_class in classes:
        found = path.attribute(tiles[None], mean_colour(tiles)[None], of_class, n_steps=STEPS, internal_batch_size=4)
        rows.append(found.detach().sum(dim=(2, 3, 4))[0].double().numpy())
    return np.stack(rows)


def _replacing(logits: ClipLogits, tiles: Tensor, tile: int) -> Callable[[Tensor], Tensor]:
    """Logits as a function of one tile `(B, 3, s, s)`, the others of the clip as they are."""
    if logits.separate:
        return logits.alone

    def of_tile(pictures: Tensor) -> Tensor:
        before, after = (part[None].expand(len(pictures), -1, -1, -1, -1) for part in (tiles[:tile], tiles[tile + 1 :]))
        return logits(torch.cat([before, pictures[:, None], after], dim=1))

    return of_tile


def _path(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int) -> np.ndarray:
    shown = tiles[tile : tile + 1]
    path = IntegratedGradients(_replacing(logits, tiles, tile))
    found = path.attribute(shown, mean_colour(shown), of_class, n_steps=STEPS, internal_batch_size=AT_ONCE)
    return _smooth(found)


def _times_gradient(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int) -> np.ndarray:
    shown = tiles[tile : tile + 1].clone().requires_grad_()
    return _smooth(InputXGradient(_replacing(logits, tiles, tile)).attribute(shown, of_class))


def _smooth(found: Tensor) -> np.ndarray:
    """The colours of a pixel together, and single pixels with those around them."""
    summed = found.detach().sum(dim=1)[0].double().numpy()
    return gaussian_filter(summed, BLUR * summed.shape[-1])


def _cam(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int) -> np.ndarray:
    picture = tiles[tile : tile + 1].clone().requires_grad_()  # the weights want no gradient, so the input must
    found = LayerGradCam(_replacing(logits, tiles, tile), _stage(logits.network, -1)).attribute(picture, of_class)
    return _cut(found, logits, 1, tile, tiles.shape[-1])[0]


def _fine_cam(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int) -> np.ndarray:
    """Gradient times activation one stage earlier, where the maps have twice the resolution (HiResCAM, 2011.08891)."""
    return _products(logits, tiles, tile, tiles[tile : tile + 1], of_class, [-2])[0]


def _two_cams(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int) -> np.ndarray:
    """The same of two stages, one and two before the last, of the tile and of its mirror image, added and smoothed.

    What all four agree on stays; the grid of a single coarse map does not show.
    """
    total = _four(logits, tiles, tile, tiles[tile : tile + 1], of_class)
    return gaussian_filter(total, BLUR * total.shape[-1])


def _closer_cams(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int, frame: np.ndarray | None) -> np.ndarray:
    """The same, of the frame at some larger sizes instead: what is a few pixels of a tile is more of a larger picture.

    Only where `looks_closer` holds. Raises ValueError without a frame, or for a super-image read as one picture.
    """
    if frame is None or not logits.separate:
        raise ValueError("looking closer needs the whole frame, and a network that reads tiles one by one")
    side = tiles.shape[-1]
    total = np.zeros((side, side))
    for factor in CLOSER:
        found = _four(logits, tiles, tile, as_picture(frame, round(factor * side)), of_class)
        total += cv2.resize(found, (side, side), interpolation=cv2.INTER_AREA)
    return gaussian_filter(total, BLUR * side)


def _four(logits: ClipLogits, tiles: Tensor, tile: int, picture: Tensor, of_class: int) -> np.ndarray:
    """Gradient times activation of two stages, of a picture in a tile's place and of its mirror image, added."""
    both = torch.cat([picture, picture.flip(-1)])
    plain, mirrored = _products(logits, tiles, tile, both, of_class, [-2, -3])
    return plain + mirrored[:, ::-1]


def _products(
    logits: ClipLogits, tiles: Tensor, tile: int, pictures: Tensor, of_class: int, places: Sequence[int]
) -> list[np.ndarray]:
    """For each of `pictures` `(B, 3, s, s)` in the place of a tile: gradient times activation, summed over the stages
    at `places`, `(s, s)`."""
    layers = [_stage(logits.network, place) for place in places]
    found = LayerGradientXActivation(_replacing(logits, tiles, tile), layers).attribute(
        pictures.clone().requires_grad_(), of_class  # the weights want no gradient, so the input must
    )
    side = pictures.shape[-1]
    cut = [_cut(of_stage.sum(1, keepdim=True), logits, len(pictures), tile, side) for of_stage in found]
    return [sum(parts) for parts in zip(*cut, strict=True)]


def _stage(network: nn.Module, place: int) -> nn.Module:
    """The last convolution stage of a timm backbone, or one before it."""
    known = getattr(network.backbone, "feature_info", None)
    if known is None:
        raise ValueError(f"{type(network.backbone).__name__} names no stages: take another way than Grad-CAM")
    return network.backbone.get_submodule(list(known)[place]["module"])


def _cut(found: Tensor, logits: ClipLogits, count: int, tile: int, side: int) -> np.ndarray:
    """Coarse maps `(b, 1, h, w)` of `count` pictures in the place of a tile, at the size of a tile: `(count, s, s)`.

    b is `count`, or as many times more as a clip has tiles, where these are read one by one. Of a super-image's map the
    tile's part is cut out.
    """
    found = found.detach()
    if logits.separate or logits.params.tile_tokens:
        found = found.unflatten(0, (count, -1))
        found = found[:, 0 if logits.separate else tile]
        return F.interpolate(found, size=(side, side), mode="bicubic")[:, 0].double().numpy()
    grid = logits.params.grid
    whole = F.interpolate(found, size=(grid * side, grid * side), mode="bicubic")[:, 0].double().numpy()
    row, column = divmod(tile, grid)
    return whole[:, row * side : (row + 1) * side, column * side : (column + 1) * side]


def _hidden(logits: ClipLogits, tiles: Tensor, tile: int, of_class: int) -> np.ndarray:
    shown = tiles[tile : tile + 1]
    window = max(1, shown.shape[-1] // WINDOW)
    step = max(1, window // 2)
    with torch.no_grad():
        found = Occlusion(_replacing(logits, tiles, tile)).attribute(
            shown,
            sliding_window_shapes=(3, window, window),
            strides=(3, step, step),
            baselines=mean_colour(shown),
            target=of_class,
            perturbations_per_eval=AT_ONCE,
        )
    return found[0, 0].double().numpy()


TILE_WAYS = {
    "tile alone": Way("occlusion", _alone),  # all others hidden, or gone
    "tile hidden": Way("occlusion", _ablated),
    "integrated gradients": Way("gradient", _gradients),
}
MAP_WAYS = {
    "integrated gradients": Way("gradient", _path),
    "gradient x input": Way("gradient", _times_gradient),
    "Grad-CAM": Way("gradient", _cam),
    "Grad-CAM, a stage earlier": Way("gradient", _fine_cam),
    "Grad-CAM, two stages, mirrored": Way("gradient", _two_cams),
    "Grad-CAM, two stages, mirrored, closer": Way("gradient", _closer_cams, closer=True),
    "patch hidden": Way("occlusion", _hidden),
}
