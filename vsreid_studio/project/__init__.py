"""The project file: one SQLite file that holds everything a person made of one video."""

from .commit import StaleChange
from .document import Project
from .notes import CandidateStore, Settings
from .proposals import StoredProposal
from .schema import Adaptation, Instance, RunRecord, VideoRef
from .tracks import proposal_tracks
from .video import absolute_path, keep_options, keep_order, read_options, read_order

__all__ = [
    "Adaptation",
    "CandidateStore",
    "Instance",
    "Project",
    "RunRecord",
    "Settings",
    "StaleChange",
    "StoredProposal",
    "VideoRef",
    "absolute_path",
    "keep_options",
    "keep_order",
    "proposal_tracks",
    "read_options",
    "read_order",
]
