"""Reads the mask pictures of one sequence, all in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.types import MAX_INSTANCE, LabelMap, SoftMask
from ..errors import UserError
from .mask_coding import Reading, coding_of, is_comparable, numbered_like
from .mask_pixels import Pixels, Survey, histogram, read_pixels

VOID = 255
"""Value of pixels that belong to nothing and count for nothing."""


class MaskReader:
    """Reads the mask pictures of one sequence.

    Attributes:
        reading: how they are taken.
        text: the same for a person, such as 'one soft-edged object'.
        values: instance by colour or level, where these are numbered in the order of appearance; else empty.
    """

    def __init__(
        self,
        files: Iterable[Path],
        reading: Reading | None = None,
        size: tuple[int, int] | None = None,
        poll: Callable[[], object] = lambda: None,
        like: MaskReader | None = None,
    ) -> None:
        """Look at every picture.

        Args:
            files: all of the sequence, in order.
            reading: how to take them, None to guess. `OBJECTS` guesses how each file shows its object.
            size: (height, width) that each must have, None for any.
            poll: called before each picture; what it raises ends the reading.
            like: of the same objects: colours that it has numbered in the order of their appearance have the
                same numbers here, and others follow.

        Raises:
            UserError: one cannot be read or has another size, or they cannot be taken so.
        """
        self._size = size
        self._last: tuple[Path, Pixels] | None = None
        paths = list(files)
        survey = self._survey(paths, poll, as_colours=False)
        if not is_comparable(survey):
            survey = self._survey(paths, poll, as_colours=True)
        self._coding = coding_of(survey, reading, paths[0] if paths else Path())
        if like is not None:
            self._coding = numbered_like(self._coding, like._coding)
        self.reading, self.text, self.values = self._coding.reading, self._coding.text, self._coding.values

    def labels(self, file: Path, *, keep_void: bool = False) -> LabelMap:
        """One of the pictures as instance numbers, a soft object where it is above one half.

        Args:
            keep_void: leave void pixels at 255 instead of turning them to background.

        Returns:
            (H, W) uint8.

        Raises:
            UserError: it cannot be read any more.
        """
        pixels = self._read(file)
        if self.reading in {Reading.SOFT, Reading.ALPHA}:
            return np.greater(self._soft(pixels), 127).astype(np.uint8)
        labels = self._hard(pixels)
        if self._coding.void and not keep_void:
            labels[labels == VOID] = 0
        return labels

    def masks(self, file: Path, *, void: bool = False) -> dict[int, SoftMask]:
        """One of the pictures as a map of each instance that has a pixel in it; a soft object stays soft.

        Args:
            void: take 255 for void, as in a data set, and not for a mistake.

        Raises:
            UserError: it cannot be read any more, or numbers an instance 255.
        """
        if self.reading in {Reading.SOFT, Reading.ALPHA}:
            soft = SoftMask.tight(self._soft(self._read(file)))
            return {1: soft} if soft.area else {}
        labels = self.labels(file, keep_void=not void)
        counts = histogram(labels)
        if counts[MAX_INSTANCE + 1 :].any():
            raise UserError(f"{file} uses the value 255, which is void: number its instances 1 to 254.")
        numbers = (np.flatnonzero(counts[1:]) + 1).tolist()
        # By OpenCV, which takes a fraction of NumPy's time and lets other threads go on.
        return {k: SoftMask.tight(np.asarray(cv2.inRange(labels, k, k), np.uint8)) for k in numbers}

    def _survey(self, files: list[Path], poll: Callable[[], object], *, as_colours: bool) -> Survey:
        survey = Survey(as_colours)
        for file in files:
            poll()
            survey.add(file, self._read(file))
        return survey

    def _read(self, file: Path) -> Pixels:
        if self._last is None or self._last[0] != file:
            self._last = file, read_pixels(file, self._size)
        return self._last[1]

    def _soft(self, pixels: Pixels) -> NDArray[np.uint8]:
        """(H, W) uint8, probability x 255."""
        if self.reading is Reading.ALPHA:
            return np.full(pixels.values.shape, 255, np.uint8) if pixels.alpha is None else pixels.alpha
        levels = pixels.values if pixels.palette is None else pixels.grey
        scaled = levels.astype(np.float32) * np.float32(255 / self._coding.top)
        return np.rint(np.minimum(scaled, 255)).astype(np.uint8)

    def _hard(self, pixels: Pixels) -> LabelMap:
        """(H, W) uint8, instance numbers with void at 255; a copy."""
        coding = self._coding
        if self.reading is Reading.BINARY:
            if coding.background is None:
                labels = np.greater_equal(pixels.values, coding.least).astype(np.uint8)
            else:
                labels = np.not_equal(pixels.colours, coding.background).astype(np.uint8)
        elif coding.numbers:
            values = pixels.colours if self.reading is Reading.COLOURS else pixels.values
            labels = _looked_up(values, coding.numbers)
        else:
            labels = pixels.values.astype(np.uint8)
        if pixels.alpha is not None:
            labels[pixels.alpha <= 127] = 0
        return labels


def _looked_up(values: NDArray[Any], numbers: Mapping[int, int]) -> LabelMap:
    """The number of each value; 0 for those that have none."""
    known = np.array(sorted(numbers), np.int64)
    listed = np.array([numbers[int(value)] for value in known], np.uint8)
    places = np.searchsorted(known, values).clip(max=len(known) - 1)
    labels: LabelMap = np.where(known[places] == values, listed[places], 0).astype(np.uint8)
    return labels
