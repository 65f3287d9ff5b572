"""Clicks answered on one frame, with a network that needs no training."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from copy import deepcopy
from threading import Event

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from vsreid_studio.engine.flow import FlowField
from vsreid_studio.engine.nets.click_maps import (
    MAPS,
    guiding_maps,
    local,
    motion_map,
    paste_into,
    patch_still_fits,
    zoomed,
)
from vsreid_studio.engine.nets.clicks import ClickNet, ImageFeatures, from_propagation
from vsreid_studio.engine.nets.propagation import lite
from vsreid_studio.engine.nets.stream import MemoryEntry
from vsreid_studio.engine.runtime.click_networks import CompiledNetwork, prepared
from vsreid_studio.engine.runtime.click_thread import ClickThread
from vsreid_studio.engine.runtime.clicker import KEPT_CONTEXTS, Clicker
from vsreid_studio.engine.types import Box, Click, ClickContext, Frame, SoftMask
from vsreid_studio.errors import UserError


class Spots:
    """Marks the clicks themselves, and keeps what is there: what it is given can be read off the mask."""

    def __init__(self) -> None:
        self.encoded = 0
        self.answers = 0
        self.maps = torch.zeros(0)
        self.memory: Sequence[MemoryEntry] = ()

    def encode(self, patch: Tensor) -> ImageFeatures:
        self.encoded += 1
        return ImageFeatures(patch, patch, {})

    def remember(self, features: ImageFeatures, maps: Tensor) -> list[MemoryEntry]:
        return [MemoryEntry(features.coarse.flatten(), features.coarse.flatten(), maps[0, 0].flatten())]

    def answer(
        self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
    ) -> tuple[Tensor, float]:
        self.answers += 1
        self.maps, self.memory = maps[0], memory
        present, added, removed, *_ = maps[0]
        return torch.maximum(present, added) * (1 - removed), 0.5


FRAME = np.zeros((120, 200, 3), np.uint8)


def test_clicks_add_and_take_away() -> None:
    mask = Clicker(Spots(), size=64).segment(FRAME, [Click(50, 60, True), Click(150, 60, True)]).mask
    hard = mask.hard(120, 200)
    assert hard[60, 50] and hard[60, 150] and not hard[60, 100]
    clicks = [Click(50, 60, True), Click(150, 60, True), Click(150, 60, False)]
    hard = Clicker(Spots(), size=64).segment(FRAME, clicks).mask.hard(120, 200)
    assert hard[60, 50] and not hard[60, 150]


class Everything(Spots):
    """Selects all that it sees."""

    def answer(
        self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
    ) -> tuple[Tensor, float]:
        return torch.ones_like(maps[0][0]), 0.5


def test_a_box_bounds_the_mask_until_a_click_adds_outside() -> None:
    clicker, box = Clicker(Everything(), size=64), Box(60, 40, 100, 80)
    margin = Box(58, 38, 102, 82)
    assert clicker.segment(FRAME, [], box).mask.box == margin
    clicks = [Click(70, 50, True), Click(20, 50, False)]
    assert clicker.segment(FRAME, clicks, box).mask.box == margin
    wider = clicker.segment(FRAME, [*clicks, Click(120, 60, True)], box).mask
    assert wider.covers(120, 60)


def test_same_clicks_make_the_same_mask_one_by_one_or_at_once() -> None:
    clicks = [Click(50, 60, True), Click(120, 70, True), Click(52, 60, False)]
    one_by_one = Clicker(Spots(), size=64)
    for count in range(1, 4):
        last = one_by_one.segment(FRAME, clicks[:count])
    assert last.mask.same(Clicker(Spots(), size=64).segment(FRAME, clicks).mask)


def test_what_is_known_is_not_computed_again() -> None:
    network = Spots()
    clicker = Clicker(network, size=64)
    clicker.segment(FRAME, [Click(50, 60, True)])
    answers = network.answers
    clicker.segment(FRAME, [Click(50, 60, True)])
    assert network.answers == answers
    clicker.segment(FRAME, [Click(50, 60, True), Click(52, 62, True)])
    assert network.answers == answers + 1


def test_a_frame_can_be_looked_at_ahead() -> None:
    network = Spots()
    clicker = Clicker(network, size=64)
    clicker.prepare(FRAME)
    before = network.encoded
    clicker.segment(FRAME, [Click(50, 60, True)])
    assert network.encoded == before + 1, "only the close-up is new"


def test_present_mask_is_where_clicks_begin() -> None:
    dense = np.zeros((120, 200), np.bool_)
    dense[20:60, 20:80] = True
    present = SoftMask.from_dense(dense)
    clicker = Clicker(Spots(), size=64)
    assert clicker.segment(FRAME, [], None, present).mask.same(present)
    hard = clicker.segment(FRAME, [Click(100, 40, True)], None, present).mask.hard(120, 200)
    assert hard[40, 100] and hard[40, 50]


def test_nothing_in_nothing_out() -> None:
    assert Clicker(Spots(), size=64).segment(FRAME, []).mask.area == 0


def test_a_patch_is_kept_while_it_fits() -> None:
    part = Box(20, 20, 120, 120)
    near = [Click(60, 60, True), Click(80, 80, True)]
    box = Box(40, 40, 100, 100)
    assert patch_still_fits(part, None, near, box, 200, 200)
    assert not patch_still_fits(part, None, [Click(150, 60, True)], box, 200, 200)
    assert not patch_still_fits(Box(0, 0, 200, 200), None, [], Box(90, 90, 110, 110), 200, 200)


def test_zoom_holds_mask_clicks_and_box() -> None:
    dense = np.zeros((120, 200), np.bool_)
    dense[50:60, 50:60] = True
    part = zoomed(SoftMask.from_dense(dense), [Click(150, 10, True)], Box(5, 5, 10, 10), 120, 200)
    for inside in (Box(50, 50, 60, 60), Box(150, 10, 151, 11), Box(5, 5, 10, 10)):
        assert part.intersect(inside) == inside
    assert zoomed(None, [], None, 120, 200) == Box(0, 0, 200, 120)


def test_guiding_maps_lie_where_the_clicks_do() -> None:
    maps = guiding_maps(None, [Click(10, 30, True), Click(30, 10, False)], None, Box(0, 0, 40, 40), 80)
    assert maps.shape == (80, 80, len(MAPS))
    assert maps[61, 21].tolist() == [0, 1, 0, 0, 0, 0]
    assert maps[21, 61].tolist() == [0, 0, 1, 0, 0, 0]
    boxed = guiding_maps(None, [], Box(10, 0, 20, 40), Box(0, 0, 40, 40), 80)
    assert boxed[:, 20:40, 3].all() and not boxed[:, :20, 3].any()


def drifting(shift: int) -> Frame:
    """A textured ground that stands still, and a textured disk at x = 60 + `shift`."""
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(0, 255, (30, 50, 3), dtype=np.uint8), (200, 120))
    disk = cv2.resize(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8), (48, 48))
    rows, columns = np.mgrid[-24:24, -24:24]
    frame, inside = ground.copy(), rows**2 + columns**2 < 22**2
    part = frame[36:84, 36 + shift : 84 + shift]
    part[inside] = disk[inside]
    return frame


def test_the_network_is_told_of_others_of_motion_and_of_trusted_frames() -> None:
    network = Spots()
    clicker = Clicker(network, size=64)
    frame, other = drifting(0), area((150, 40, 180, 90))
    context = ClickContext((other,), drifting(6), (FRAME, area((20, 20, 80, 60))))
    clicker.segment(frame, [Click(60, 60, True)], Box(0, 0, 200, 120), None, context)
    names = dict(zip(MAPS, network.maps.numpy(), strict=True))
    scale = np.array([64 / 200, 64 / 120])
    x, y = (np.array([165, 65]) * scale).astype(int)
    assert names["others"][y, x] > 0.99 and names["others"][:, :32].max() == 0
    # The disk moves, the ground does not.
    (x, y), (far_x, far_y) = ((np.array(place) * scale).astype(int) for place in ((64, 52), (120, 100)))
    assert names["moving"][y, x] > 0.5
    assert names["moving"][far_y, far_x] < 0.1
    (entry,) = network.memory
    assert 0.2 < float(entry.share.mean()) < 0.8
    # Remembered: the same context is not worked out again, another one is.
    encoded = network.encoded
    clicker.segment(frame, [Click(60, 60, True), Click(70, 60, True)], Box(0, 0, 200, 120), None, context)
    assert network.encoded == encoded
    clicker.segment(frame, [Click(60, 60, True)], Box(0, 0, 200, 120))
    assert not network.memory and network.maps[4:].max() == 0


class TwoDisks(Spots):
    """Selects the same two places of the frame, whatever is clicked."""

    def answer(
        self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
    ) -> tuple[Tensor, float]:
        return (patch[0, 0] > patch[0, 0].mean()).float(), 0.5


def test_clicks_from_nothing_select_what_is_near_them() -> None:
    frame = FRAME.copy()
    frame[40:80, 20:60] = frame[40:80, 140:180] = 255
    clicker = Clicker(TwoDisks(), size=64)

    def there(mask: SoftMask) -> list[bool]:
        return [mask.covers(x, 60) for x in (40, 160)]

    click = Click(40, 60, True)
    assert there(clicker.segment(frame, [click]).mask) == [True, False]
    # A mask that is there keeps its pieces, and a box tells itself what is meant.
    both = SoftMask.from_dense(frame[..., 0] > 0)
    assert there(clicker.segment(frame, [click], None, both).mask) == [True, True]
    assert there(clicker.segment(frame, [click], Box(0, 0, 200, 120)).mask) == [True, True]


def test_frames_are_held_while_their_answers_can_be_asked_for_only() -> None:
    clicker = Clicker(Spots(), size=64)
    held: list[weakref.ref[Frame]] = []
    for _ in range(20):
        frame, neighbour = np.zeros((120, 200, 3), np.uint8), np.ones((120, 200, 3), np.uint8)
        held.append(weakref.ref(neighbour))
        clicker.segment(frame, [Click(60, 60, True)], context=ClickContext((), neighbour))
    del frame, neighbour
    gc.collect()
    assert sum(one() is not None for one in held) == KEPT_CONTEXTS


def test_no_motion_is_told_where_all_moves_together() -> None:
    flow = FlowField(np.full((30, 50, 2), 3, np.float32), 120, 200)
    assert motion_map(flow, [Click(60, 60, True)], Box(0, 0, 200, 120), 64).max() == 0


@pytest.fixture(scope="module")
def network() -> ClickNet:
    torch.manual_seed(0)
    made = ClickNet()
    made.load_state_dict(from_propagation(lite().state_dict()))
    return made.eval()


def test_compiled_network_says_what_torch_says(network: ClickNet) -> None:
    compiled = prepared(network, torch.device("cpu"))
    assert isinstance(compiled, CompiledNetwork)
    patch = torch.rand(1, 3, 64, 64) * 2 - 1
    maps = torch.zeros(1, len(MAPS), 64, 64)
    maps[:, 0, 10:30, 10:30] = 1
    maps[:, 1, 18:24, 18:24] = 1
    maps[:, 2, 40:46, 40:46] = 1
    found, quality = compiled.answer(compiled.encode(patch), patch, maps, [])
    with torch.no_grad():
        wanted = network(patch, maps)
    assert (found - wanted.logits[0, 0].sigmoid()).abs().max() < 0.1
    assert (found - wanted.logits[0, 0].sigmoid()).abs().mean() < 0.02
    assert abs(quality - float(wanted.quality.sigmoid())) < 0.05


def test_a_trusted_frame_is_read_alike_compiled_or_not(network: ClickNet) -> None:
    torch.manual_seed(1)
    recalling = deepcopy(network)
    torch.nn.init.normal_(recalling.recall.weight)
    patch, known = (torch.rand(1, 3, 64, 64) * 2 - 1 for _ in range(2))
    maps, mask = torch.zeros(2, 1, len(MAPS), 64, 64)
    maps[:, 1, 18:24, 18:24] = 1
    mask[:, 0, 10:40, 10:40] = 1
    with torch.no_grad():
        (wanted,) = recalling.remember(recalling.encode(known), mask)
    compiled = prepared(recalling, torch.device("cpu"))
    (entry,) = compiled.remember(compiled.encode(known), mask)
    for one, other in zip(entry, wanted, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().mean() < 0.03 * other.abs().mean()
    features = compiled.encode(patch)
    found, without = (compiled.answer(features, patch, maps, memory)[0] for memory in ([entry], []))
    assert not torch.equal(found, without)


def test_without_clicks_nothing_is_read(network: ClickNet) -> None:
    value, keys = torch.rand(1, 128, 4, 4), torch.rand(1, 64, 4, 4)
    read = network.compare(keys, value, torch.zeros(1, 4, 64, 64))
    assert not read[:, :-2].any()
    assert (read[:, -2:] <= -1 + 1e-5).all()


def test_places_like_a_clicked_one_are_told_apart(network: ClickNet) -> None:
    keys = torch.zeros(1, 64, 4, 4)
    keys[:, 0] = 1
    keys[:, :2, :, 2:] = torch.tensor([0.0, 1.0])[:, None, None]
    maps = torch.zeros(1, len(MAPS), 64, 64)
    maps[:, 1, 4:14, 4:14] = 1
    maps[:, 2, 4:14, 52:62] = 1
    read = network.compare(keys, torch.rand(1, 128, 4, 4), maps)
    best_on, best_off = read[0, -2], read[0, -1]
    assert (best_on[:, :2] > 0.9).all() and (best_on[:, 2:] < 0.1).all()
    assert (best_off[:, 2:] > 0.9).all() and (best_off[:, :2] < 0.1).all()


def test_thread_answers_the_newest_question() -> None:
    armed, going, started = Event(), Event(), Event()

    class Slow(Spots):
        def encode(self, patch: Tensor) -> ImageFeatures:
            if armed.is_set():
                started.set()
                going.wait(10)
            return super().encode(patch)

    network = Slow()
    thread = ClickThread(lambda: Clicker(network, size=64))
    try:
        thread.ready.result(60)
        armed.set()
        first = thread.ask(FRAME, [Click(50, 60, True)])
        assert started.wait(10)
        second = thread.ask(FRAME, [Click(60, 60, True)])
        third = thread.ask(FRAME, [Click(70, 60, True)])
        going.set()
        assert first.result(60) is not None
        assert second.cancelled()
        answer = third.result(60)
        assert answer is not None and answer.mask.hard(120, 200)[60, 70]
    finally:
        going.set()
        thread.close()
    assert thread.ask(FRAME, []).cancelled()


def test_thread_tells_why_it_cannot_answer() -> None:
    def fail() -> Clicker:
        raise UserError("The weights are missing.")

    thread = ClickThread(fail)
    try:
        with pytest.raises(UserError):
            thread.ready.result(60)
        with pytest.raises(UserError):
            thread.ask(FRAME, [Click(1, 1, True)]).result(60)
    finally:
        thread.close()


def area(*boxes: tuple[int, int, int, int]) -> SoftMask:
    dense = np.zeros((120, 200), np.bool_)
    for x0, y0, x1, y1 in boxes:
        dense[y0:y1, x0:x1] = True
    return SoftMask.from_dense(dense)


def test_corrected_masks_keep_what_is_far() -> None:
    class Forgetful(Spots):
        def answer(
            self, features: ImageFeatures, patch: Tensor, maps: Tensor, memory: Sequence[MemoryEntry]
        ) -> tuple[Tensor, float]:
            return maps[0, 1], 0.5

    present = area((20, 20, 80, 60))
    clicker = Clicker(Forgetful(), size=64)
    found = clicker.segment(FRAME, [Click(100, 40, True)], None, present).mask.hard(120, 200)
    assert found[40, 100] and found[40, 50]
    fresh = clicker.segment(FRAME, [Click(50, 40, True), Click(100, 40, True)]).mask
    assert fresh.area < present.area


def test_a_part_is_laid_over_the_whole() -> None:
    present = area((20, 20, 60, 60))
    whole = paste_into(present, Box(50, 50, 70, 70), np.ones((20, 20), np.float32)).hard(120, 200)
    assert whole[30, 30] and whole[65, 65] and not whole[65, 30]
    none = paste_into(None, Box(50, 50, 70, 70), np.ones((20, 20), np.float32))
    assert none.box == Box(50, 50, 70, 70)
    covered = paste_into(present, Box(0, 0, 200, 120), np.zeros((120, 200), np.float32))
    assert covered.area == 0


def test_local_parts_lie_inside_the_frame() -> None:
    assert local(Click(5, 5, True), 40, 120, 200) == Box(0, 0, 40, 40)
    assert local(Click(199, 119, True), 40, 120, 200) == Box(160, 80, 200, 120)
    assert local(Click(100, 60, True), 400, 120, 200) == Box(0, 0, 200, 120)
