"""MAE: most patches of a frame are hidden, and a decoder paints them from the few that are seen (arXiv 2111.06377)."""

from __future__ import annotations

import torch
from lightly.models import utils
from lightly.models.modules.masked_vision_transformer_decoder_timm import MaskedVisionTransformerDecoderTIMM
from lightly.models.modules.masked_vision_transformer_timm import MaskedVisionTransformerTIMM
from torch import Tensor, nn

from vpipe_utils.learning.inputs import to_unit
from vpipe_utils.learning.weak.encoders import FrameEncoder
from vpipe_utils.learning.weak.params import WeakParams


class MaskedAutoencoder(nn.Module):
    """Frames uint8 `(B, 1, 3, s, s)` -> mean squared error of the hidden patches' pixels, a scalar.

    The encoder reads only what is seen, so an update costs a fraction of reading all. Pixels count as they are; the
    variant with pixels normed a patch is half a point better in its paper (Table 1d), but paints no picture.
    """

    views = 1

    def __init__(self, encoder: FrameEncoder, params: WeakParams) -> None:
        super().__init__()
        self.encoder, self.patch, self.share = encoder, params.mae_patch, params.mae_mask
        self.masked = MaskedVisionTransformerTIMM(encoder.backbone)
        width = params.mae_decoder_width
        self.narrow = nn.Linear(encoder.width, width)
        self.decoder = MaskedVisionTransformerDecoderTIMM(
            num_patches=encoder.backbone.patch_embed.num_patches,
            embed_dim=width,
            depth=params.mae_decoder_depth,
            num_heads=params.mae_heads,
        )
        self.paint = nn.Linear(width, 3 * self.patch**2)

    def forward(self, frames: Tensor) -> Tensor:
        patches, hidden, painted = self._paint_hidden(frames)
        return nn.functional.mse_loss(painted, utils.get_at_index(patches, hidden))

    @torch.no_grad()
    def reconstruct(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """For people: what is seen of frames uint8 `(B, 1, 3, s, s)`, the rest grey, and what is painted there; in
        [0, 1], `(B, 3, s, s)` each. The mask follows from torch's generator."""
        patches, hidden, painted = self._paint_hidden(frames)
        shown = [utils.set_at_index(patches, hidden, values) for values in (torch.zeros_like(painted), painted)]
        seen, whole = ((utils.unpatchify(pixels, self.patch) / 2 + 0.5).clamp(0, 1) for pixels in shown)
        return seen, whole

    def _paint_hidden(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Patches `(B, n, 3·patch²)`, the places of those that are hidden `(B, m)`, and what is painted there."""
        pixels = self.encoder.normalise(to_unit(frames[:, 0]))
        size = (len(pixels), self.masked.sequence_length)
        seen, hidden = utils.random_token_mask(size, self.share, device=pixels.device)
        code = self.narrow(self.masked.encode(pixels, idx_keep=seen))
        tokens = utils.repeat_token(self.decoder.mask_token.to(code.dtype), size)
        tokens = utils.set_at_index(tokens, seen, code)
        painted = self.paint(self.decoder.decode(self.decoder.add_pos_embed(tokens)))
        # The first token is the class token, which is never hidden: patch k is token k + 1.
        return utils.patchify(pixels, self.patch), hidden - 1, utils.get_at_index(painted, hidden).float()
