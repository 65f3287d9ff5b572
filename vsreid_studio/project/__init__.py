"""The project file: one SQLite file that holds everything a person made of one video."""

from .contents import StaleChange
from .document import Project
from .notes import CandidateStore, Settings
from .proposals import KeptProposal, finds
from .schema import Adaptation, Instance, RunRecord, VideoRef
from .video import keep_options, keep_order, read_options, read_order

__all__ = [
    "Adaptation",
    "CandidateStore",
    "Instance",
    "KeptProposal",
    "Project",
    "RunRecord",
    "Settings",
    "StaleChange",
    "VideoRef",
    "finds",
    "keep_options",
    "keep_order",
    "read_options",
    "read_order",
]
