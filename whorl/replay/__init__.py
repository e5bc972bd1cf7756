"""Replay: run a wheel over recorded data, with the labels it has as the annotator, before paying for a new one."""

from whorl.replay.annotator import Simulated
from whorl.replay.recording import Recorded, Recording, read_recording
from whorl.replay.run import Judged, Replayed, replay

__all__ = ["Judged", "Recorded", "Recording", "Replayed", "Simulated", "read_recording", "replay"]
