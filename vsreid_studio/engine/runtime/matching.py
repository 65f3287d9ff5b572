"""Algorithm 2 round after round: what is known of cells and instances that did not change is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..algorithm.retrieve import UNKNOWN, CandidateFilter, Matches, best, cosines, overlaps
from ..events import Queue, Reason, Retrieval, Verdict
from ..extensions.appearance_track import AppearanceTrack, TrackSettings, TrustedEmbeddings, nearest_trusted
from ..extensions.gallery import Gallery
from ..store.annotation import Annotation
from ..store.candidates import CandidateStack
from ..types import NOWHERE, Box, Cell, CellKey, Maker

_REASONS = tuple(Reason)
_OFFERED, _HIDDEN = 254, 255
"""Codes beside the indices of `_REASONS`; hidden are anchors and cells without candidate or gallery."""
_NOTHING: Mapping[CellKey, Reason] = MappingProxyType({})
_PART = 1000
"""Cells taken in at a time: some ten milliseconds."""
LISTED = 300
"""Candidates in a queue; nobody reads on."""


TrustedOf: TypeAlias = Callable[[Annotation, int], TrustedEmbeddings]


class Matcher:
    """Keeps the similarity of every candidate to every instance, and follows an annotation.

    So each round reads only the cells that changed, multiplies the stacked embeddings by new gallery entries
    only, and compares arrays, see `algorithm.retrieve`.
    """

    def __init__(
        self,
        found: CandidateStack,
        gallery: Gallery,
        filters: Sequence[CandidateFilter],
        instances: Sequence[int],
        chosen: Collection[int] | None = None,
        *,
        track: TrackSettings | None = None,
        compare_all: bool = False,
        sure: float = 1.0,
        trusted: TrustedOf | None = None,
    ) -> None:
        """Take the candidates.

        Args:
            found: those of the frames to be searched; it must not change any more.
            gallery: embeddings of the instances.
            filters: why a candidate is not offered; the first that applies is reported.
            instances: all of the video, ascending: their boxes count even when they are not searched for.
            chosen: those to be found again, None for all.
            track: compare also with what confident masks show; None does not.
            compare_all: the filters ask for the similarity to instances that are not chosen, too.
            sure: a judged map is one to rely on from this confidence on.
            trusted: the embeddings of an instance's trusted maps; None compares with candidates only.
        """
        self._gallery, self._filters, self._tracked = gallery, tuple(filters), track is not None
        self._compare_all, self._sure, self._trusted = compare_all, sure, trusted
        self._frames = found.frames
        self._place = {frame: n for n, frame in enumerate(self._frames)}
        self._instances = tuple(instances)
        self._chosen = np.array([chosen is None or k in chosen for k in instances], np.bool_)
        # A last row of nothing stands in where a frame has fewer candidates than the fullest one.
        self._boxes = np.vstack([found.boxes(), np.zeros((1, 4), np.int32)])
        self._embeddings = found.embeddings
        self._row_frames = found.row_frames()
        self._rows = found.rows_of(self._frames)
        grid = len(self._frames), len(self._instances)
        self._similarity = np.full((len(self._boxes), grid[1]), UNKNOWN, np.float32, order="F")
        # By the gallery alone; `_similarity` is the best over gallery and track.
        self._template = self._similarity.copy(order="F")
        self._beside = self._similarity.copy(order="F")
        self._tracks = [AppearanceTrack(track or TrackSettings()) for _ in instances]
        self._best = np.full(grid, UNKNOWN, np.float32)
        self._beaten = np.zeros(grid, np.bool_)
        self._choice = np.full(grid, -1, np.intp)
        self._present = np.zeros((*grid, 4), np.int32)
        self._anchored = np.zeros(grid, np.bool_)
        self._certain = np.zeros(grid, np.bool_)
        self._seen: dict[int, NDArray[np.int64]] = {}
        self._anchors: list[set[int]] = [set() for _ in instances]
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
        limit: int | None = LISTED,
    ) -> Queue:
        """The best candidate of every cell that has one and is no anchor, by falling similarity.

        Args:
            withheld: cells not to be offered in this run, and why.
            limit: list no more than this.
        """
        codes, iou = self._judge(annotation, withheld)
        order = np.argsort(-self._best, axis=None, kind="stable")
        listed = order[codes.flat[order] != _HIDDEN][:limit]
        return Queue(tuple(self._retrieval(int(place), codes, iou) for place in listed))

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
        """The code of every cell, by the first filter that applies, and its IoU; both (F, K)."""
        for _ in self.follow(annotation):
            pass
        boxes = self._boxes[self._choice]
        iou = overlaps(boxes, self._present)
        codes = np.full(self._best.shape, _OFFERED, np.uint8)
        codes[self._anchored | (self._best <= UNKNOWN)] = _HIDDEN

        def mark(reason: Reason, where: NDArray[np.bool_]) -> None:
            codes[where & (codes == _OFFERED)] = _REASONS.index(reason)

        mark(Reason.SETTLED, self._grid(decided(annotation)))
        for reason in set(withheld.values()):
            mark(reason, self._grid([key for key, why in withheld.items() if why is reason]))
        matches = Matches(
            self._best,
            boxes,
            self._present,
            self._certain,
            iou,
            self._beaten,
            self._similarity,
            self._choice,
        )
        for one in self._filters:
            mark(one.reason, one.applies(matches, codes == _OFFERED))
        return codes, iou

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

        `best` and `queue` do it themselves. But the first round of a long video reads every map, so a run
        does it part by part beforehand.

        Yields:
            the number of cells taken in, now and then.
        """
        done = 0
        for k, instance in enumerate(self._instances):
            stamps = annotation.stamps(instance)
            seen = self._seen.setdefault(k, np.zeros_like(stamps))
            for frame in np.flatnonzero(stamps != seen).tolist():
                seen[frame] = stamps[frame]
                self._take_in(annotation.get(frame, instance), frame, k)
                done += 1
                if done % _PART == 0:
                    yield done
            if k in self._outdated or not self._tracks[k].up_to_date():
                for _ in self._match(annotation, k):
                    yield done
                self._outdated.discard(k)
                yield done

    def _take_in(self, cell: Cell | None, frame: int, k: int) -> None:
        anchors, anchor = self._anchors[k], cell is not None and cell.origin == frame
        # Only what is or was an anchor can change the gallery.
        if anchor or frame in anchors:
            self._outdated.add(k)
        (anchors.add if anchor else anchors.discard)(frame)
        if self._trusted is not None and cell is not None and cell.judged:
            self._outdated.add(k)
        if (n := self._place.get(frame)) is not None:
            box = (cell.mask.hard_box if cell is not None else None) or NOWHERE
            self._present[n, k] = box.x0, box.y0, box.x1, box.y1
            self._anchored[n, k] = anchor
            sure = cell is not None and cell.judged and cell.confidence >= self._sure
            self._certain[n, k] = box is not NOWHERE and (anchor or sure)
            if self._tracked:
                rows = self._rows[n][self._rows[n] >= 0]
                self._tracks[k].update(frame, cell, rows, self._boxes[rows])

    def _match(self, annotation: Annotation, k: int) -> Iterator[None]:
        """Update the similarities to one instance after its gallery changed; yields now and then."""
        if not (self._chosen[k] or self._compare_all):
            return
        template = self._template[:-1, k]
        yield from self._match_gallery(annotation, k, template)
        self._similarity[:-1, k] = template
        if self._tracked and len(template):
            same, self._beside[:-1, k] = yield from self._tracks[k].similarities(self._embeddings, template)
            np.maximum(self._similarity[:-1, k], same, out=self._similarity[:-1, k])
        if self._trusted is not None and len(template):
            trusted = self._trusted(annotation, self._instances[k])
            near = yield from nearest_trusted(self._embeddings, self._row_frames, trusted)
            np.maximum(self._similarity[:-1, k], near, out=self._similarity[:-1, k])
        if self._chosen[k]:
            self._choose(k)

    def _match_gallery(self, annotation: Annotation, k: int, column: NDArray[np.float32]) -> Iterator[None]:
        entries = self._gallery.entries(annotation, self._instances[k])
        old = self._matched[k]
        if not old or any(entries.get(frame) is not known for frame, known in old.items()):
            old = {}
            column[:] = UNKNOWN
        fresh = [entry for frame, entry in entries.items() if frame not in old]
        # Before the first place to stop: entries whose comparison was broken off are compared again.
        self._matched[k] = {}
        if fresh:
            for part, embeddings in self._embeddings.parts():
                np.maximum(column[part], cosines(embeddings, fresh), out=column[part])
                yield
        self._matched[k] = entries

    def _choose(self, k: int) -> None:
        """The best candidate of each frame; a distractor only where there is no other."""
        values = self._similarity[self._rows, k]
        beaten = self._beside[self._rows, k] > values
        first = best(values - 4 * beaten)
        here = np.arange(len(self._frames))
        self._best[:, k] = values[here, first]
        self._beaten[:, k] = beaten[here, first]
        self._choice[:, k] = self._rows[here, first]


def decided(annotation: Annotation) -> list[CellKey]:
    """Cells that somebody has decided on.

    What nobody was asked about is tried again: earlier versions kept empty recoveries as rejected.
    """
    return [
        key
        for key, it in annotation.decisions.items()
        if it.verdict is not Verdict.SKIPPED
        and not (it.verdict is Verdict.REJECTED and it.by is Maker.RECOVERY)
    ]
