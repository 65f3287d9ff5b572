"""N_det and N_reid on the frames of one video: the half of Algorithm 2 that does not depend on the masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..algorithm.protocols import Reidentification
from ..nets.embedding import crop_box
from ..nets.patches import inside
from ..parallel import side_by_side
from ..types import Box, Candidates, Frame, SoftMask

if TYPE_CHECKING:
    from ..nets.detector import Detections

BINS, VIVID, SIDE = (4, 16, 16), (64, 192), 128
"""Of a histogram: lightness, and both colour axes; the range of these, beyond which all colours are as at its
end; and the side of the square to which a box is brought before."""
SAME = 0.5
"""A mask counts as a person's when its box and a person's candidate box have at least this IoU."""


class FrameReader(Protocol):
    """What is asked of a video."""

    @property
    def height(self) -> int:
        """Of every frame, in pixels."""
        ...

    @property
    def width(self) -> int:
        """Of every frame, in pixels."""
        ...

    def frame(self, index: int, /) -> Frame:
        """(H, W, 3) uint8 RGB."""
        ...


class CandidateCache(Protocol):
    """Keeps what was found in a frame; a project file does it beyond the session."""

    def __contains__(self, frame: int, /) -> bool: ...

    def get(self, frame: int, /) -> Candidates | None:
        """What was put, or None."""
        ...

    def put(self, frame: int, candidates: Candidates, /) -> None:
        """Keep the candidates of a frame."""
        ...


class MemoryStore:
    """A `CandidateCache` for the session only."""

    def __init__(self) -> None:
        self._known: dict[int, Candidates] = {}

    def __contains__(self, frame: int) -> bool:
        return frame in self._known

    def get(self, frame: int) -> Candidates | None:
        """What was put, or None."""
        return self._known.get(frame)

    def put(self, frame: int, candidates: Candidates) -> None:
        """Keep the candidates of a frame."""
        self._known[frame] = candidates


class DetectionNetwork(Protocol):
    """N_det, see `nets.detector.Detector`."""

    def detect(self, frame: Frame, /) -> Detections:
        """Candidate boxes of a frame."""
        ...


class EmbeddingNetwork(Protocol):
    """N_reid, see `nets.embedding.Embedder`."""

    @property
    def dimensions(self) -> int:
        """Of an embedding."""
        ...

    def embed(self, frame: Frame, boxes: NDArray[np.int32], /) -> NDArray[np.float32]:
        """(n, 4) boxes of a frame to (n, dimensions) rows of length 1."""
        ...

    def embed_parts(self, parts: Sequence[tuple[Frame, Box]], /) -> NDArray[np.float32]:
        """Boxes of several frames to (n, dimensions) rows of length 1."""
        ...


class ReidModule(Reidentification):
    """`modules.Reidentification` for one video.

    With a network for persons (Sec. 3.2, 'Detection & Re-identification Network'), persons are embedded by it
    and all else by the one for objects. A vector has a block for each and is zero in the block of the network
    that did not make it: what two networks say is not comparable, and has a cosine of 0.
    """

    def __init__(
        self,
        video: FrameReader,
        detector: DetectionNetwork,
        embedder: EmbeddingNetwork,
        person_embedder: EmbeddingNetwork | None = None,
        store: CandidateCache | None = None,
        parallel: bool = False,
    ) -> None:
        """Take the networks for a video; `parallel`: they serve several frames at a time."""
        self._parallel = parallel
        self._compiled = False
        self._video = video
        self._detector = detector
        self._embedder = embedder
        self._person_embedder = person_embedder
        self._store: CandidateCache = MemoryStore() if store is None else store

    def cached(self, frame: int) -> bool:
        """Whether `candidates` costs nothing for this frame."""
        return frame in self._store

    def candidates(self, frame: int) -> Candidates:
        """X = N_det(I_i) with N_reid of every box; computed once and kept."""
        known = self._store.get(frame)
        if known is None:
            known = self._found(frame)
            self._store.put(frame, known)
            # As kept, so that a run taken up again compares what the first one compared: a store may round.
            known = self._store.get(frame) or known
        return known

    def prepare(self, frames: Sequence[int]) -> None:
        """Side by side what is not kept yet, where the networks serve several frames at a time."""
        lacking = [frame for frame in frames if frame not in self._store] if self._parallel else []
        # The first one alone: with it networks are compiled, and while torch traces one it should do no more.
        alone = 0 if self._compiled else 1
        found = [*map(self._found, lacking[:alone]), *side_by_side(self._found, lacking[alone:])]
        self._compiled = self._compiled or bool(lacking)
        # Kept here and now: a store need not serve other threads.
        for frame, one in zip(lacking, found, strict=True):
            self._store.put(frame, one)

    def _found(self, frame: int) -> Candidates:
        picture = self._video.frame(frame)
        boxes, scores, person = self._detector.detect(picture)
        return Candidates(boxes, scores, person, self._embed(picture, boxes, person))

    def appearance(self, frame: int, mask: SoftMask) -> NDArray[np.float32]:
        """N_reid of the box of a mask: (d,) float32 of length 1.

        Raises:
            ValueError: nothing of the mask exceeds 0.5, or it lies outside the frame.
        """
        box = mask.hard_box
        if box is None:
            raise ValueError("an empty mask has no appearance")
        person = False
        if self._person_embedder is not None:
            found = self.candidates(frame)
            overlaps = [found.box(number).iou(box) for number in range(len(found))]
            person = max(overlaps, default=0.0) >= SAME and bool(found.person[int(np.argmax(overlaps))])
        boxes = np.array([[box.x0, box.y0, box.x1, box.y1]], np.int32)
        row: NDArray[np.float32] = self._embed(self._video.frame(frame), boxes, np.array([person]))[0]
        return row

    def appearances(self, masks: Sequence[tuple[int, SoftMask]]) -> NDArray[np.float32]:
        """N_reid of the boxes of many masks, batched across frames: (n, d) float32, rows of length 1.

        Args:
            masks: each with its frame; none of them empty.

        Raises:
            ValueError: nothing of a mask exceeds 0.5, or it lies outside the frame.
        """
        # Which network a box is for follows from the candidates of its frame.
        if self._person_embedder is not None:
            return np.stack([self.appearance(frame, mask) for frame, mask in masks])
        parts = []
        for frame, mask in masks:
            if (box := mask.hard_box) is None:
                raise ValueError("an empty mask has no appearance")
            parts.append((self._video.frame(frame), box))
        return self._embedder.embed_parts(parts)

    def colours(self, frame: int, mask: SoftMask) -> NDArray[np.float16]:
        """A histogram in CIELAB of a mask's own pixels: (c,) float16 of length 1.

        Its entries are square roots, so that the cosine of two is Bhattacharyya's coefficient.

        Raises:
            ValueError: nothing of the mask exceeds 0.5, or it lies outside the frame.
        """
        box = mask.hard_box
        if box is None:
            raise ValueError("an empty mask has no colours")
        picture = cv2.cvtColor(crop_box(self._video.frame(frame), box, SIDE), cv2.COLOR_RGB2LAB)
        low, high = VIVID
        np.clip(picture[..., 1:], low, high - 1, out=picture[..., 1:])
        share = inside(mask, box, (SIDE, SIDE))
        # Of a speck in a large box what it covers most.
        own = (share >= min(0.5, float(share.max()))).astype(np.uint8)
        counts = cv2.calcHist([picture], [0, 1, 2], own, list(BINS), [0, 256, low, high, low, high]).ravel()
        return np.sqrt(counts / counts.sum()).astype(np.float16)

    def _embed(
        self, picture: Frame, boxes: NDArray[np.int32], person: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """(n, d) rows of length 1; d is the sum over both networks where there are two."""
        if self._person_embedder is None:
            return self._embedder.embed(picture, boxes)
        split = self._embedder.dimensions
        rows = np.zeros((len(boxes), split + self._person_embedder.dimensions), np.float32)
        rows[~person, :split] = self._embedder.embed(picture, boxes[~person])
        rows[person, split:] = self._person_embedder.embed(picture, boxes[person])
        return rows
