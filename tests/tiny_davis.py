"""A data set of two tiny sequences, one of which has a gap, in the form of make-clips."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vsreid_studio.formats.masks import write_label_map

HEIGHT, WIDTH, LENGTH = 48, 80, 10
RED = (230, 20, 20)
HIDDEN = range(4, 7)


def make_davis(tmp_path: Path) -> Path:
    """Sets 'both' and 'hidden'; the sequence 'gone' hides its disk in `HIDDEN`."""
    root = tmp_path / "davis"
    for name, hidden in (("gone", HIDDEN), ("there", range(0))):
        pictures, masks = root / "JPEGImages/480p" / name, root / "Annotations/480p" / name
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index in range(LENGTH):
            frame = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
            labels = np.zeros((HEIGHT, WIDTH), np.uint8)
            if index not in hidden:
                cv2.circle(frame, (14 + 5 * index, 20), 9, RED, -1)
                # The stand-ins find what is red: a little less than the truth.
                cv2.circle(labels, (14 + 5 * index, 20), 10, (1,), -1)
            Image.fromarray(frame).save(pictures / f"{index:05d}.jpg", quality=100, subsampling=0)
            write_label_map(masks / f"{index:05d}.png", labels)
    sets = root / "ImageSets/2017"
    sets.mkdir(parents=True)
    (sets / "both.txt").write_text("gone\nthere\n")
    (sets / "hidden.txt").write_text("gone\n")
    (sets / "pairs.txt").write_text("there\n")
    gap = {"instance": 1, "first": HIDDEN[0], "last": HIDDEN[-1]}
    (root / "gaps.json").write_text(json.dumps({"gone": [gap]}))
    return root
