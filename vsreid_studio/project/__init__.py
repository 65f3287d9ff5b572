"""The project file: one SQLite file that holds everything a person made of one video."""

from .candidates import CandidateStore
from .document import Project, StaleChange
from .notes import Settings
from .records import Adaptation, Instance, RunRecord, VideoRef
from .video import keep_options, read_options

__all__ = [
    "Adaptation",
    "CandidateStore",
    "Instance",
    "Project",
    "RunRecord",
    "Settings",
    "StaleChange",
    "VideoRef",
    "keep_options",
    "read_options",
]
