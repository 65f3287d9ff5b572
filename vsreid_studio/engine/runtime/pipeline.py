"""What is in a run: the paper's three algorithms, and the extensions that the studio adds to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, TypeVar

from ...config import PAPER, Config
from ..algorithm.plan import PaperPlanner, Plan, Planner
from ..algorithm.propagate import AfterPatch, AfterPrediction, PatchPropagation
from ..algorithm.protocols import MaskPropagation, Motion, PropagationNetwork, Reidentification
from ..algorithm.retrieve import CandidateFilter, Consistent, Dissimilar
from ..algorithm.vsreid import AfterSpan, AfterStep, Algorithm, PlannedSteps
from ..events import Answer, Proposal, Retrieval, Steps
from ..extensions.appearance_track import TrackSettings
from ..extensions.bidirectional_fusion import BidirectionalFusion
from ..extensions.connected_components import ConnectedComponents
from ..extensions.filters import (
    Competing,
    LeastConfidence,
    Lookalike,
    NothingRecovered,
    Occupied,
    OfferFilter,
    OnlyBetter,
    OnlyMissing,
    Rival,
    Taken,
)
from ..extensions.gallery import Gallery
from ..extensions.lost_area import LostArea
from ..extensions.proposals import ProposalHandling
from ..extensions.soft_aggregation import SoftAggregation
from ..extensions.temporal_smoothing import TemporalSmoothing
from ..extensions.trust import Trust
from ..extensions.verification import Verification
from ..parallel import return_freed_memory, side_by_side
from ..store.annotation import Annotation
from .search import CandidateSearch, OneRetrieval

T = TypeVar("T")
TRIM_PERIOD = 5.0
"""Seconds of a run after which freed memory is returned."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The active extensions, in the order in which they run.

    Further input of N_mp beside the paper's patch (memory, test-time augmentation) is the network's own
    concern, see `runtime.propagation.PatchNetwork`.

    Attributes:
        after_patch: after N_mp, on the map of one patch.
        after_prediction: on all maps propagated to a frame.
        planner: which maps are computed from where.
        after_step, after_span: after each step, and after each plan.
        filters: reasons not to offer a candidate (Algorithm 2, line 7), in order.
        before_offer: reasons not to offer a recovery, in order.
        track: what else a candidate is compared with; None for the templates alone.
        trust: whether propagated maps are judged by their appearance, which needs N_reid.
        search_every: of the frames in which each instance has a map to rely on, every n-th is searched.
        sure: a judged map is one to rely on from this confidence on.
    """

    filters: tuple[CandidateFilter, ...]
    after_patch: tuple[AfterPatch, ...] = ()
    after_prediction: tuple[AfterPrediction, ...] = ()
    planner: Planner = field(default_factory=PaperPlanner)
    after_step: tuple[AfterStep, ...] = ()
    after_span: tuple[AfterSpan, ...] = ()
    before_offer: tuple[OfferFilter, ...] = (NothingRecovered(),)
    track: TrackSettings | None = None
    trust: bool = False
    search_every: int = 1
    sure: float = 1.0

    @classmethod
    def paper(cls, rho_reid: float = PAPER.reid.rho_reid, rho_occ: float = PAPER.reid.rho_occ) -> Pipeline:
        """The three algorithms and nothing else."""
        return cls(filters=(Dissimilar(rho_reid), Consistent(rho_occ)))

    @classmethod
    def studio(
        cls,
        config: Config,
        smoothing: TemporalSmoothing | None = None,
        memory: AfterPrediction | None = None,
    ) -> Pipeline:
        """All that the studio adds, as far as the settings do not switch it off.

        Args:
            smoothing: of the video; None smooths nothing.
            memory: receives the predictions; None where there is none.
        """
        propagation, reid = config.propagation, config.reid
        fusion, smooth = propagation.bidirectional_fusion, propagation.temporal_smoothing
        smoothing = smoothing if smooth else None
        fuse = BidirectionalFusion(smoothing) if fusion else None
        return cls(
            after_patch=_those(
                ConnectedComponents(propagation.component_gap) if propagation.component_gap else None,
            ),
            after_prediction=_those(
                SoftAggregation() if propagation.soft_aggregation else None,
                LostArea(propagation.lost_area) if propagation.lost_area else None,
                memory if propagation.read_memory and propagation.recent else None,
            ),
            planner=fuse or PaperPlanner(),
            after_step=_those(smoothing),
            after_span=_those(fuse, smoothing),
            filters=_those(
                Dissimilar(reid.rho_reid),
                Lookalike() if reid.appearance_track else None,
                OnlyMissing() if reid.only_missing else None,
                Consistent(reid.rho_occ),
                Occupied(reid.max_overlap) if reid.max_overlap < 1 else None,
                Rival() if reid.exclusive else None,
                Competing() if reid.competition else None,
            ),
            before_offer=_those(
                NothingRecovered(),
                LeastConfidence(reid.least_confidence) if reid.least_confidence else None,
                OnlyBetter() if reid.only_better else None,
                Taken(reid.sure) if reid.competition else None,
                Verification(reid.sure) if reid.verification else None,
            ),
            track=TrackSettings(reid.sure, reid.rho_track) if reid.appearance_track else None,
            trust=reid.trust,
            search_every=max(1, reid.search_every) if reid.trust else 1,
            sure=reid.sure if reid.trust else 1.0,
        )

    def propagation(self, motion: Motion, network: PropagationNetwork) -> PatchPropagation:
        """M_mp with the extensions that come in after a patch and after a prediction."""
        return PatchPropagation(motion, network, self.after_patch, self.after_prediction, each=side_by_side)


class Scheduler(Protocol):
    """Computes ahead."""

    def expect(self, plan: Plan) -> None:
        """Take note of a plan that is about to be carried out."""
        ...


@dataclass(frozen=True)
class Modules:
    """All that a run on one video needs.

    Attributes:
        pipeline: what is in.
        propagation: M_mp.
        scheduler: receives each plan, so that it can compute ahead; None without one.
    """

    pipeline: Pipeline
    propagation: MaskPropagation
    scheduler: Scheduler | None = None

    def run(
        self,
        annotation: Annotation,
        reid: Reidentification | None = None,
        *,
        instances: Collection[int] | None = None,
        frames: Collection[int] | None = None,
        grow: bool = True,
    ) -> Steps:
        """Propagate from all checkpoints, then find lost instances again until none is left (Algorithm 3).

        Each Change is applied to `annotation` before it is yielded and leaves it whole: the generator may be
        closed at any yield, and a new one on the same annotation goes on from there. A cell is retrieved at
        most once, so the run ends. The annotation belongs to the thread that pulls; masks that a person puts
        there between two steps are respected.

        Args:
            annotation: with at least one checkpoint for each instance that is to be propagated.
            reid: N_det and N_reid; None propagates only.
            instances: those to be propagated and found again, None for all.
            frames: those to be propagated to and searched, None for all. What an accepted retrieval
                overwrites follows from c alone, also beyond them.
            grow: let accepted recoveries join the template gallery; without, it is the paper's t_k.

        Yields:
            Progress, every Change, what was Passed over, the Queue, and Proposals; a Proposal must be
            answered, and nothing else may be.

        Raises:
            ValueError: an answer came where none is due, none came where one is, or it does not fit.
        """
        yield from self._scheduled(self._steps(annotation, reid, instances, frames, grow))

    def _scheduled(self, steps: PlannedSteps) -> Steps:
        """Hand plans to the scheduler, and all else on."""
        answer: Answer | None = None
        trimmed = monotonic()
        try:
            while True:
                if monotonic() - trimmed > TRIM_PERIOD:
                    return_freed_memory()
                    trimmed = monotonic()
                try:
                    event = steps.send(answer)
                except StopIteration:
                    return
                if isinstance(event, Plan):
                    answer = None
                    if self.scheduler is not None:
                        self.scheduler.expect(event)
                    continue
                answer = yield event
                if isinstance(event, Proposal) != (answer is not None):
                    raise ValueError(f"{answer} does not answer a {type(event).__name__}")
        finally:
            steps.close()

    def propagate_from(self, annotation: Annotation, instance: int, origin: int) -> Steps:
        """Propagate from a new checkpoint as far as it is closer (Algorithm 3, lines 23 to 30).

        Yields:
            Progress, and every Change after it is applied to `annotation`.
        """
        yield from self._scheduled(self._propagate_from(annotation, instance, origin))

    def propose(self, annotation: Annotation, reid: Reidentification, retrieval: Retrieval) -> Steps:
        """Offer one retrieval of an earlier run, and propagate from it if it is accepted (lines 20 to 30).

        Args:
            reid: judges a box or an instance that the answer gives.

        Yields:
            as `run` does, one Proposal at least, whatever the filters would say of it.
        """
        gallery = Gallery(reid)
        judge = Trust(reid, gallery) if self.pipeline.trust else None
        offer = ProposalHandling(annotation, self.propagation, gallery, (), judge)
        steps = self._algorithm(annotation).run((), (), OneRetrieval(retrieval), offer)
        yield from self._scheduled(steps)

    def _propagate_from(self, annotation: Annotation, instance: int, origin: int) -> PlannedSteps:
        if annotation.anchored(origin, instance):
            plan = self.pipeline.planner.from_checkpoint(annotation, instance, origin)
            yield from self._algorithm(annotation).propagate(plan)

    def _algorithm(self, annotation: Annotation) -> Algorithm:
        pipeline = self.pipeline
        return Algorithm(
            annotation, self.propagation, pipeline.planner, pipeline.after_step, pipeline.after_span
        )

    def _steps(
        self,
        annotation: Annotation,
        reid: Reidentification | None,
        instances: Collection[int] | None,
        frames: Collection[int] | None,
        grow: bool,
    ) -> PlannedSteps:
        chosen = annotation.instances if instances is None else tuple(sorted(set(instances)))
        pipeline = self.pipeline
        algorithm = self._algorithm(annotation)
        if reid is None:
            return algorithm.run(chosen, frames)
        gallery = Gallery(reid, grow)
        trust = Trust(reid, gallery) if pipeline.trust else None
        if trust is not None:
            algorithm.after_step = (*algorithm.after_step, trust)
            algorithm.after_span = (*algorithm.after_span, trust)
        search = CandidateSearch(
            annotation,
            reid,
            gallery,
            pipeline.filters,
            chosen,
            frames,
            track=pipeline.track,
            compare_all=any(isinstance(one, Rival | Competing) for one in pipeline.filters),
            every=pipeline.search_every,
            sure=pipeline.sure,
            trusted=trust.trusted if trust is not None and pipeline.track else None,
        )
        offer = ProposalHandling(annotation, self.propagation, gallery, pipeline.before_offer, trust)
        return algorithm.run(chosen, frames, search, offer)


def _those(*extensions: T | None) -> tuple[T, ...]:
    """The ones that are in."""
    return tuple(one for one in extensions if one is not None)
