"""Probing a video, and exact access to its frames."""

from vpipe_utils.video.errors import NO_FILE, DamageWarning, VideoError, damage_noted, noting_damage
from vpipe_utils.video.reading import count_frames, iter_frames, probe, read_frames

__all__ = [
    "NO_FILE",
    "DamageWarning",
    "VideoError",
    "count_frames",
    "damage_noted",
    "iter_frames",
    "noting_damage",
    "probe",
    "read_frames",
]
