"""Repetition of a recovery, and its verification by tracking, before it is offered.

Verification by tracking: a recovered object must not be visible beside the instance in another frame. N_reid
compares appearances (Sec. 3.2) and cannot reject a similar object. But in frames in which the instance is
visible with confidence, that other object is visible, too. So the recovered mask is propagated towards these
frames like a checkpoint: if it reaches one with high confidence and apart from the instance, it is another
object. This rejects a wrong dancer of dance-jump, at 4 to 40 more steps of propagation for each proposal;
half of bus, visible on both sides of a panel, is rejected by mistake (docs/experiments.md).

Repeated recovery: N_mp is applied to a recovered instance again, guided by its previous result, as the
authors' released program does five times. Here a second pass mostly repeats the first, right or wrong: J&F on
crossing pairs is .804 with two passes and .833 with one (docs/experiments.md), so it is off by default.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from ..algorithm.plan import Plan, Step
from ..algorithm.propagate import PatchPropagation
from ..events import Progress, Reason
from ..store.view import AnnotationView, Cells
from ..types import Box, Cell, CellKey, Maker, Prediction, SoftMask
from .filters import Recovered, certain


@dataclass(frozen=True, slots=True)
class RepeatedRecovery:
    """M_mp with a repeated recovery.

    Attributes:
        module: M_mp.
        rounds: number of passes.
    """

    module: PatchPropagation
    rounds: int

    def propagate(
        self, cells: Cells, source: int, target: int, instances: Sequence[int]
    ) -> dict[int, Prediction]:
        """As the module does."""
        return self.module.propagate(cells, source, target, instances)

    def recover(self, cells: Cells, frame: int, box: Box, instance: int) -> Prediction:
        """As the module does, and again around what was found."""
        found = self.module.recover(cells, frame, box, instance)
        for _ in range(self.rounds - 1):
            tight = found.mask.hard_box
            if tight is None:
                break
            found = self.module.predict_at(cells, frame, found.mask, tight, instance)
        return found


REACH = 40
"""Maximum number of frames that it is propagated each way."""
TRACKED = 0.6
"""Confidence from which the propagated mask still shows the same object."""
APART = 0.1
"""Two masks show different objects when they share less than this part of the smaller one."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Propagates a recovered mask both ways until a confident mask of its instance is met, or it is lost.

    Attributes:
        sure: a mask is certain from this confidence on.
    """

    sure: float

    def withholds(self, recovered: Recovered) -> Generator[Progress | Plan, None, Reason | None]:
        """`ELSEWHERE` if it is visible beside the instance in some frame."""
        return None if (yield from self.seen_beside(recovered)) is None else Reason.ELSEWHERE

    def seen_beside(self, recovered: Recovered) -> Generator[Progress | Plan, None, int | None]:
        """The frame in which both are visible apart from one another, None if there is none."""
        annotation, proposal = recovered.annotation, recovered.proposal
        frame, k = proposal.key
        first = Cell(proposal.recovered, frame, False, Maker.RECOVERY, proposal.confidence)
        for step in (-1, 1):
            # Other masks of the instance would pull the mask of a similar object towards it.
            chain = {CellKey(frame, k): first}
            reach = range(frame + step, frame + step * (REACH + 1), step)
            targets = [target for target in reach if 0 <= target < annotation.length]
            yield Plan(tuple(Step(target - step, target, {k: frame}) for target in targets), (k,))
            for target in targets:
                yield recovered.progress
                seen = AnnotationView(annotation, chain, without=k)
                found = recovered.propagation.propagate(seen, target - step, target, [k])[k]
                own = annotation.get(target, k)
                if own is not None and certain(own, target, self.sure):
                    if found.confidence >= self.sure and _apart(found.mask, own.mask):
                        return target
                    break
                if not found.mask.area or found.confidence < TRACKED:
                    break
                chain[CellKey(target, k)] = Cell(found.mask, frame, confidence=found.confidence)
        return None


def _apart(one: SoftMask, other: SoftMask) -> bool:
    """Whether two masks, neither of them empty, show different things."""
    return one.shared(other) < APART * min(one.area, other.area)
