"""Algorithm 2 over all frames and instances at once: matching of kept embeddings, no network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ...config import ReidConfig
from ..events import Reason, Verdict
from ..extensions.appearance_track import Track
from ..store.annotation import Annotation
from ..types import NOWHERE, Box, Candidates, Cell, CellKey
from . import overlap
from .gallery import UNKNOWN, Gallery

_REASONS = tuple(Reason)
_OFFERED, _HIDDEN = 254, 255
"""Codes beside the indices of `_REASONS`; hidden are anchors and cells without candidate or gallery."""
_NOTHING: Mapping[CellKey, Reason] = MappingProxyType({})
_BIT = 1000
"""Cells taken in at a time: some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The best candidate of one cell.

    Attributes:
        frame, instance: the cell.
        box: the candidate's.
        similarity: best cosine over the instance's gallery, in [-1, 1].
        iou: with Box(P > 0.5) now in the cell.
        reason: why it is not offered, None for one that waits.
    """

    frame: int
    instance: int
    box: Box
    similarity: float
    iou: float
    reason: Reason | None = None

    @property
    def key(self) -> CellKey:
        """The cell."""
        return CellKey(self.frame, self.instance)


class Matcher:
    """Keeps the similarity of every candidate to every instance, and follows an annotation.

    Embeddings do not depend on P. So each round looks at the cells that changed, multiplies the stacked
    embeddings by new gallery entries only, and compares arrays: F frames, K instances, M candidates.
    """

    def __init__(
        self,
        found: Mapping[int, Candidates],
        gallery: Gallery,
        config: ReidConfig,
        instances: Sequence[int],
        chosen: Collection[int] | None = None,
    ) -> None:
        """Stack the candidates.

        Args:
            found: candidates of the frames to be searched.
            gallery: what the instances look like.
            instances: all of the video, ascending: their boxes count even when they are not searched for.
            chosen: those to be found again, None for all.
        """
        self._gallery, self._config = gallery, config
        self._frames = sorted(found)
        self._place = {frame: n for n, frame in enumerate(self._frames)}
        self._instances = tuple(instances)
        self._chosen = np.array([chosen is None or k in chosen for k in instances], np.bool_)
        listed = [found[frame] for frame in self._frames]
        counts = np.array([len(candidates) for candidates in listed], np.intp)
        # A last row of nothing stands in where a frame has fewer candidates than the fullest one.
        self._boxes = np.vstack([*(c.boxes for c in listed), np.zeros((1, 4), np.int32)])
        filled = [c.embeddings for c in listed if len(c)]
        self._embeddings = np.vstack(filled) if filled else np.zeros((0, 1), np.float32)
        column = np.arange(int(counts.max(initial=0)) or 1)
        starts = np.cumsum(counts) - counts
        self._rows = np.where(column < counts[:, None], starts[:, None] + column, -1)
        grid = len(self._frames), len(self._instances)
        self._similarity = np.full((len(self._boxes), grid[1]), UNKNOWN, np.float32, order="F")
        # By the gallery alone; `_similarity` is the best over gallery and track.
        self._template = self._similarity.copy(order="F")
        self._beside = self._similarity.copy(order="F")
        self._tracks = [Track(config) for _ in instances]
        self._best = np.full(grid, UNKNOWN, np.float32)
        self._beaten = np.zeros(grid, np.bool_)
        self._choice = np.full(grid, -1, np.intp)
        self._present = np.zeros((*grid, 4), np.int32)
        self._anchored = np.zeros(grid, np.bool_)
        self._seen: list[dict[int, Cell]] = [{} for _ in instances]
        self._matched: list[dict[int, NDArray[np.float32]]] = [{} for _ in instances]
        self._outdated: set[int] = set()

    def best(self, annotation: Annotation, withheld: Mapping[CellKey, Reason] = _NOTHING) -> Retrieval | None:
        """The retrieval (x̂, ŝ, î, k̂) of greatest similarity, None when nothing is left to offer.

        Of equal ones it is the earliest frame's, then the lowest instance's (Algorithm 3, line 15).

        Args:
            withheld: cells not to be offered in this run, and why.
        """
        codes, iou = self._judge(annotation, withheld)
        offered = np.where(codes == _OFFERED, self._best, np.float32(UNKNOWN))
        if not offered.size:
            return None
        place = int(offered.argmax())
        return self._retrieval(place, codes, iou) if codes.flat[place] == _OFFERED else None

    def queue(
        self,
        annotation: Annotation,
        withheld: Mapping[CellKey, Reason] = _NOTHING,
        limit: int | None = None,
    ) -> list[Retrieval]:
        """The best candidate of every cell that has one and is no anchor, by falling similarity.

        Args:
            withheld: cells not to be offered in this run, and why.
            limit: list no more than this.
        """
        codes, iou = self._judge(annotation, withheld)
        order = np.argsort(-self._best, axis=None, kind="stable")
        listed = order[codes.flat[order] != _HIDDEN][:limit]
        return [self._retrieval(int(place), codes, iou) for place in listed]

    def _retrieval(self, place: int, codes: NDArray[np.uint8], iou: NDArray[np.float32]) -> Retrieval:
        n, k = divmod(place, len(self._instances))
        code = int(codes[n, k])
        x0, y0, x1, y1 = (int(v) for v in self._boxes[self._choice[n, k]])
        return Retrieval(
            self._frames[n],
            self._instances[k],
            Box(x0, y0, x1, y1),
            float(self._best[n, k]),
            float(iou[n, k]),
            None if code == _OFFERED else _REASONS[code],
        )

    def _judge(
        self, annotation: Annotation, withheld: Mapping[CellKey, Reason]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The code of every cell (Algorithm 2, line 7, and the options), and its IoU; both (F, K)."""
        for _ in self.follow(annotation):
            pass
        config = self._config
        boxes = self._boxes[self._choice]
        iou = overlap.iou(boxes, self._present)
        codes = np.full(self._best.shape, _OFFERED, np.uint8)
        codes[self._anchored | (self._best <= UNKNOWN)] = _HIDDEN
        settled = [key for key, it in annotation.decisions.items() if it.verdict is not Verdict.SKIPPED]
        self._mark(codes, Reason.SETTLED, self._grid(settled))
        for reason in set(withheld.values()):
            self._mark(codes, reason, self._grid([key for key, why in withheld.items() if why is reason]))
        self._mark(codes, Reason.BELOW, self._best <= config.rho_reid)
        self._mark(codes, Reason.LOOKALIKE, self._beaten)
        if config.only_missing:
            self._mark(codes, Reason.PRESENT, self._present[..., 2] > self._present[..., 0])
        self._mark(codes, Reason.CONSISTENT, iou >= config.rho_occ)
        # The last two compare with every other instance: only for the cells that got so far.
        n, k = np.nonzero(codes == _OFFERED)
        others = np.arange(len(self._instances)) != k[:, None]
        if config.max_overlap < 1:
            shared = np.where(others, overlap.iou(boxes[n, k][:, None], self._present[n]), 0)
            codes[n, k] = np.where((shared > config.max_overlap).any(1), _code(Reason.OCCUPIED), codes[n, k])
        if config.exclusive:
            rivals = np.where(others, self._similarity[self._choice[n, k]], UNKNOWN)
            closer = (rivals > self._best[n, k][:, None]).any(1) & (codes[n, k] == _OFFERED)
            codes[n, k] = np.where(closer, _code(Reason.RIVAL), codes[n, k])
        return codes, iou

    @staticmethod
    def _mark(codes: NDArray[np.uint8], reason: Reason, where: NDArray[np.bool_]) -> None:
        codes[where & (codes == _OFFERED)] = _code(reason)

    def _grid(self, keys: Collection[CellKey]) -> NDArray[np.bool_]:
        """Where the keys lie: (F, K) bool."""
        marked = np.zeros(self._best.shape, np.bool_)
        column = {instance: k for k, instance in enumerate(self._instances)}
        for frame, instance in keys:
            if frame in self._place and instance in column:
                marked[self._place[frame], column[instance]] = True
        return marked

    def follow(self, annotation: Annotation) -> Iterator[int]:
        """Take in the cells that are not those of the last round.

        `best` and `queue` do it themselves. But the first round of a long video looks at every map, so a run
        does it bit by bit beforehand.

        Yields:
            the number of cells taken in, now and then.
        """
        done = 0
        for k, instance in enumerate(self._instances):
            row, seen = annotation.row(instance), self._seen[k]
            changed = [frame for frame, cell in row.items() if seen.get(frame) is not cell]
            changed += seen.keys() - row.keys()
            for frame in changed:
                self._take_in(row.get(frame), frame, k)
                done += 1
                if done % _BIT == 0:
                    yield done
            if k in self._outdated or not self._tracks[k].settled():
                self._match(annotation, k)
                self._outdated.discard(k)
                yield done

    def _take_in(self, cell: Cell | None, frame: int, k: int) -> None:
        seen = self._seen[k]
        # Only what is or was an anchor can change the gallery.
        if any(c is not None and c.origin == frame for c in (cell, seen.pop(frame, None))):
            self._outdated.add(k)
        if cell is not None:
            seen[frame] = cell
        if (n := self._place.get(frame)) is not None:
            box = (cell.mask.hard_box if cell is not None else None) or NOWHERE
            self._present[n, k] = box.x0, box.y0, box.x1, box.y1
            self._anchored[n, k] = cell is not None and cell.origin == frame
            if self._config.appearance_track:
                rows = self._rows[n][self._rows[n] >= 0]
                self._tracks[k].follow(frame, cell, rows, self._boxes[rows])

    def _match(self, annotation: Annotation, k: int) -> None:
        """Update the similarities to one instance after its gallery changed."""
        if not (self._chosen[k] or self._config.exclusive):
            return
        template = self._template[:-1, k]
        self._match_gallery(annotation, k, template)
        self._similarity[:-1, k] = template
        if self._config.appearance_track and len(template):
            same, self._beside[:-1, k] = self._tracks[k].similarities(self._embeddings, template)
            np.maximum(self._similarity[:-1, k], same, out=self._similarity[:-1, k])
        if self._chosen[k]:
            self._choose(k)

    def _match_gallery(self, annotation: Annotation, k: int, column: NDArray[np.float32]) -> None:
        entries = self._gallery.entries(annotation, self._instances[k])
        old = self._matched[k]
        if any(entries.get(frame) is not known for frame, known in old.items()):
            old = {}
            column[:] = UNKNOWN
        fresh = [entry for frame, entry in entries.items() if frame not in old]
        self._matched[k] = entries
        if fresh and len(column):
            np.maximum(column, (self._embeddings @ np.stack(fresh, axis=1)).max(axis=1), out=column)

    def _choose(self, k: int) -> None:
        """The best candidate of each frame; a look-alike only where there is nothing else."""
        values = self._similarity[self._rows, k]
        beaten = self._beside[self._rows, k] > values
        first = (values - 4 * beaten).argmax(axis=1)
        here = np.arange(len(self._frames))
        self._best[:, k] = values[here, first]
        self._beaten[:, k] = beaten[here, first]
        self._choice[:, k] = self._rows[here, first]


def _code(reason: Reason) -> int:
    return _REASONS.index(reason)


def queue(
    annotation: Annotation,
    found: Mapping[int, Candidates],
    gallery: Gallery,
    config: ReidConfig,
    limit: int | None = None,
) -> list[Retrieval]:
    """Waiting and withheld candidates of all instances, by falling similarity.

    Args:
        found: candidates by frame, e.g. of the frames that are cached.
        limit: list no more than this.
    """
    return Matcher(found, gallery, config, annotation.instances).queue(annotation, limit=limit)
