"""Scores by the official semi-supervised DAVIS 2017 rules: region similarity J and boundary accuracy F."""

from .measures import Statistics, boundary_f, jaccard, statistics
from .sequences import (
    InstanceScore,
    Report,
    are_of_one_sequence,
    evaluate,
    evaluate_folders,
    evaluate_sequence,
    reported,
    score_folder,
    shared_sequences,
)

__all__ = [
    "InstanceScore",
    "Report",
    "Statistics",
    "are_of_one_sequence",
    "boundary_f",
    "evaluate",
    "evaluate_folders",
    "evaluate_sequence",
    "jaccard",
    "reported",
    "score_folder",
    "shared_sequences",
    "statistics",
]
