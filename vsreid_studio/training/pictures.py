"""Changes of light, focus and coding that a picture goes through."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from ..engine.types import Frame


def relight(rng: Generator, frame: Frame, strength: float = 1.0) -> Frame:
    """Brightness, contrast, gamma, saturation and tint, at random."""
    steps = np.arange(256, dtype=np.float32) / 255
    gain = 1 + strength * rng.uniform(-0.25, 0.25)
    shift = strength * rng.uniform(-0.12, 0.12)
    gamma = np.exp(strength * rng.uniform(-0.25, 0.25))
    tint = 1 + strength * rng.uniform(-0.06, 0.06, 3)
    curves = (np.clip((steps[:, None] ** gamma) * gain * tint + shift, 0, 1) * 255).astype(np.uint8)
    frame = cv2.LUT(frame, np.ascontiguousarray(curves.reshape(256, 1, 3))).astype(np.uint8, copy=False)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        share = strength * rng.uniform(-0.3, 0.5)
        frame = cv2.addWeighted(frame, 1 - share, grey, share, 0).astype(np.uint8, copy=False)
    return frame


def degrade(rng: Generator, frame: Frame) -> Frame:
    """Blur by motion or focus, noise, and JPEG, each now and then."""
    if rng.random() < 0.15:
        length = int(rng.integers(3, 12))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(
            kernel, *((int(v), int(w)) for v, w in rng.integers(0, length, (2, 2))), color=1.0, thickness=1
        )
        frame = cv2.filter2D(frame, -1, kernel / max(kernel.sum(), 1)).astype(np.uint8, copy=False)
    elif rng.random() < 0.1:
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.5, 2.0)).astype(np.uint8, copy=False)
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 8), frame.shape).astype(np.int16)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])[1]
        frame = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.uint8, copy=False)
    return frame
