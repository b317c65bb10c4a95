"""Exact frames of a video. Other folders use the calls named below; everything else in this folder is internal.

One frame on its way, `read_frames("26703.mp4", [1000])`:

1. `reading` checks that the file is there and that the index is a whole number from 0.
2. `streams` opens the file and chooses the stream that is the video: not a cover picture, not a thumbnail.
3. May we jump? `jump` lists the packets without decoding them, `h264_headers` reads the header of every picture, and
   `h264_proof` proves from them that each packet gives one frame. If so, frame 1000 is the one with the 1001st
   smallest presentation time.
4. `jump` decodes from the keyframe before frame 1000 up to it: one group of pictures (GOP) at most, not 1,001 frames.
   `decoding` gives FFmpeg's decoder one packet at a time and collects its complaints.
5. `colours` makes RGB of the decoded picture, uint8 (H, W, 3), and applies the rotation.
6. `read_frames` puts it into its place in the array (1, H, W, 3).

**In doubt**, at step 3 or 4 (another codec, a header that does not fit, a complaint): `sequential` decodes the file
from its start. This takes longer, and it is right by definition: frame i is the i-th that decoding from the start
gives, as the paper's OpenCV loop counts. What the file's header says of the number of frames is never believed.

**On damage**: a damaged picture of which the decoder can make something is a frame; who reads it gets a DamageWarning
(`noting_damage` collects them, `damage_noted` puts them in words). The first packet that cannot be decoded ends the
video. If not one frame can be decoded, a VideoError says why. Where whole pictures are lost from a transport stream,
nothing can be said: the seam of two joined files looks the same.

`probe`, `count_frames` and `frame_seconds` take the same two ways to learn what a video is; `timing` computes its rate,
its duration and when each frame is shown.
"""

from vpipe_utils.video.errors import NO_FILE, DamageWarning, VideoError, damage_noted, noting_damage
from vpipe_utils.video.reading import count_frames, frame_seconds, iter_frames, probe, read_frames

__all__ = [
    "NO_FILE",
    "DamageWarning",
    "VideoError",
    "count_frames",
    "damage_noted",
    "frame_seconds",
    "iter_frames",
    "noting_damage",
    "probe",
    "read_frames",
]
