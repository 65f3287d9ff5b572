"""Scores by the official semi-supervised DAVIS 2017 rules: region similarity J and boundary accuracy F."""

from .measures import Statistics, boundary_f, jaccard, statistics
from .report import InstanceScore, Report
from .sequences import evaluate, evaluate_sequence, shared_sequences

__all__ = [
    "InstanceScore",
    "Report",
    "Statistics",
    "boundary_f",
    "evaluate",
    "evaluate_sequence",
    "jaccard",
    "shared_sequences",
    "statistics",
]
