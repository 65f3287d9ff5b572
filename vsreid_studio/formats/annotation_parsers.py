"""Parsers of annotation files: COCO, YouTube-VIS, labelme, CVAT and YOLO, in run lengths or polygons."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..engine.types import SoftMask
from ..engine.video import PictureFolder, Video
from ..errors import UserError
from ..reading import expecting, quoted, read_json, read_text, read_xml
from .coco import lengths_of
from .frame_names import frame_of, number_in, span, unmatched
from .rle import filled, mask_of, points_of

log = logging.getLogger(__name__)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FoundAnnotations:
    """An object in a frame.

    Attributes:
        frame: of the video.
        identity: the same in all frames of an object; None if the file has none.
        label: its class; may be empty.
        mask: P.
        name: its own; may be empty.
        classed: whether the label is surely a class, also where it is the name, too.
    """

    frame: int
    identity: str | int | None
    label: str
    mask: SoftMask
    name: str = ""
    classed: bool = False


class Frames:
    """Finds the frames of a video that a file speaks of.

    Attributes:
        height, width: that the file's pictures must have.
    """

    def __init__(self, video: Video, where: Path) -> None:
        self.height, self.width = video.height, video.width
        self._video, self._where, self._frame = video, where, frame_of(video)

    def named(self, name: str) -> int | None:
        """The frame whose picture has this path or name; None where the video has no such picture."""
        return self._frame(_path(name).stem)

    def expected(self, name: str) -> int:
        """The frame whose picture has this path or name; of a video file, the first if none is given.

        Raises:
            UserError: the folder of pictures has none of this name.
        """
        found = self.named(name)
        if found is None and isinstance(self._video, PictureFolder):
            raise self.unmatched(name)
        return found or 0

    def numbered(self, index: int) -> int:
        """The frame of an index from 0 on.

        Raises:
            UserError: the video ends before.
        """
        if not 0 <= index < self._video.length:
            raise UserError(f"{self._where} speaks of frame {index}, but the video has {self._video.length}.")
        return index

    def check(self, height: object, width: object) -> None:
        """Compare a size with the video's; None and 0 mean unknown.

        Raises:
            UserError: it is another one.
        """
        if height and width and (height, width) != (self.height, self.width):
            raise UserError(
                f"{self._where} is for pictures of {quoted(width)} x {quoted(height)} pixels, "
                f"but the video is {self.width} x {self.height}."
            )

    def own(self, names: Iterable[str]) -> set[str]:
        """Those names that mean pictures of this video: of a data set of many, those in its folder.

        Raises:
            UserError: one of that folder is none of the video, or two of them mean the same picture.
        """
        every = list(names)
        inside = {name for name in every if _path(name).parent.name == self._video.name}
        listed = {name for name in inside or every if self.named(name) is not None}
        if strange := next((name for name in every if name in inside - listed), None):
            raise self.unmatched(strange)
        if passed := [name for name in every if not _path(name).parent.name and name not in listed]:
            log.warning(
                *("%s: %d pictures are no frames of %s (%s)", self._where, len(passed), self._video.path),
                passed[0],
            )
        there: dict[int | None, str] = {}
        for name in (name for name in every if name in listed):
            frame = self.named(name)
            if frame in there:
                both = f"({quoted(there[frame])} and {quoted(name)})"
                raise UserError(f"{self._where} has several pictures of the name {_path(name).stem} {both}.")
            there[frame] = name
        return listed

    def unmatched(self, name: str) -> UserError:
        """The error of a picture's name that is none of the video's."""
        return UserError(
            f"{self._where} is for the picture {quoted(_path(name).name)}, which is none of"
            f" {self._video.path} ({span(self._video.names)})."
        )

    def of_file(self, file: Path) -> int | None:
        """The frame that a file of a folder is named after; None where its name has no number.

        Raises:
            UserError: its number is none of the video's.
        """
        index = self._frame(file.stem)
        if index is None and number_in(file.stem) is not None:
            raise unmatched(file, self._video)
        return index


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def parse_coco(path: Path, document: Mapping[str, Any], frames: Frames) -> Iterator[FoundAnnotations]:
    """Objects of a COCO file of pictures."""
    wrong = f"{path} is not a COCO file of instances"
    with expecting(wrong):
        labels = {it["id"]: str(it["name"]) for it in document.get("categories", ())}
        images = list(document["images"])
        own = frames.own(str(image["file_name"]) for image in images)
        places = dict[Any, int]()
        for image in images:
            if str(image["file_name"]) in own:
                index = frames.named(str(image["file_name"]))
                assert index is not None
                if image["id"] in places:
                    raise UserError(f"{path} has several pictures of the id {quoted(image['id'])}.")
                frames.check(image.get("height"), image.get("width"))
                places[image["id"]] = index
        marks = [mark for mark in document["annotations"] if mark["image_id"] in places]
    for mark in marks:
        with expecting(wrong):
            identity = next((mark[key] for key in ("instance_id", "track_id") if key in mark), None)
            mask = _segmentation(mark["segmentation"], frames)
            yield _found(
                places[mark["image_id"]], _identity(identity), labels, mark, SoftMask.from_dense(mask)
            )


def parse_youtube_vis(
    path: Path, document: Mapping[str, Any], frames: Frames, video: Video
) -> Iterator[FoundAnnotations]:
    """Objects of a YouTube-VIS file, of the one video that fits."""
    wrong = f"{path} is not a YouTube-VIS file"
    with expecting(wrong):
        labels = {it["id"]: str(it["name"]) for it in document.get("categories", ())}
        videos = list(document["videos"])
        names = {it["id"]: _path(str(it["file_names"][0])).parent.name for it in videos}
        fitting = [it for it in videos if names[it["id"]] == video.name] or videos
        if len(fitting) != 1:
            listed = ", ".join(sorted(names.values())[:5])
            raise UserError(f"{path} holds {len(videos)} videos ({listed} ...), but not {video.name}.")
        chosen = fitting[0]
        frames.check(chosen.get("height"), chosen.get("width"))
        own = frames.own(str(name) for name in chosen["file_names"])
        places = [frames.named(str(name)) if str(name) in own else None for name in chosen["file_names"]]
        tracks = [it for it in document["annotations"] if it["video_id"] == chosen["id"]]
    for track in tracks:
        with expecting(wrong):
            identity = _identity(track["id"])
            for index, segmentation in zip(places, track["segmentations"], strict=True):
                if segmentation is not None and index is not None:
                    mask = SoftMask.from_dense(_segmentation(segmentation, frames))
                    yield _found(index, identity, labels, track, mask)


def _found(
    frame: int, identity: str | int | None, labels: Mapping[Any, str], mark: Mapping[str, Any], mask: SoftMask
) -> FoundAnnotations:
    """A mask with the class and the name that an annotation of COCO gives it."""
    label, name = labels.get(mark.get("category_id"), ""), str(mark.get("instance_name", ""))
    return FoundAnnotations(frame, identity, label, mask, name, bool(mark.get("instance_classed")))


def _segmentation(segmentation: Any, frames: Frames) -> Mask:
    """A mask of COCO: run lengths, or a list of polygons."""
    if isinstance(segmentation, dict):
        frames.check(*segmentation["size"])
        return mask_of(lengths_of(segmentation), frames.height, frames.width)
    return filled([points_of(polygon) for polygon in segmentation], frames.height, frames.width)


def _identity(value: object) -> str | int | None:
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{value!r} is no id")


def parse_labelme(path: Path, frames: Frames, index: int) -> Iterator[FoundAnnotations]:
    """Shapes of a labelme file in a frame of this index."""
    wrong = f"{path} is not a labelme file"
    with expecting(wrong):
        document = read_json(path)
        frames.check(document.get("imageHeight"), document.get("imageWidth"))
        shapes = list(document["shapes"])
    for shape in shapes:
        with expecting(wrong):
            label, group = str(shape["label"]), shape.get("group_id")
            identity = None if group is None else f"{label}\n{_identity(group)}"
            yield FoundAnnotations(index, identity, label, SoftMask.from_dense(_shape(shape, frames)))


def _shape(shape: Mapping[str, Any], frames: Frames) -> Mask:
    """A shape of labelme."""
    numbers = [float(number) for point in shape["points"] for number in point]
    kind = shape.get("shape_type", "polygon")
    if kind == "polygon":
        return filled([points_of(numbers)], frames.height, frames.width)
    x0, y0, x1, y1 = numbers
    if kind == "rectangle":
        return filled([points_of([x0, y0, x1, y0, x1, y1, x0, y1])], frames.height, frames.width)
    if kind == "circle":
        rows, columns = np.mgrid[: frames.height, : frames.width] + 0.5
        inside: Mask = np.hypot(columns - x0, rows - y0) <= np.hypot(x1 - x0, y1 - y0)
        return inside
    if kind == "mask":
        return _placed(_decoded(str(shape["mask"]), frames), round(x0), round(y0), frames)
    raise UserError(f"A shape of kind {quoted(kind)} has no area: draw the objects as polygons or masks.")


def _decoded(text: str, frames: Frames) -> Mask:
    """The mask of a picture in base64."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as picture:
            if picture.width > frames.width + 1 or picture.height > frames.height + 1:
                raise UserError("A mask is larger than the frame.")
            return np.asarray(picture.convert("L")) > 0
    except UserError:
        raise
    # Pillow's decoders answer damage with exceptions of many kinds.
    except Exception as error:
        raise UserError("A mask in a labelme file is damaged.") from error


def _placed(part: Mask, x: int, y: int, frames: Frames) -> Mask:
    """A part of a mask in the frame, cut off at its edges."""
    mask = np.zeros((frames.height, frames.width), np.bool_)
    height, width = part.shape
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(frames.width, x + width), min(frames.height, y + height)
    if x0 < x1 and y0 < y1:
        mask[y0:y1, x0:x1] = part[y0 - y : y1 - y, x0 - x : x1 - x]
    return mask


def parse_cvat(path: Path, frames: Frames) -> Iterator[FoundAnnotations]:
    """Shapes of a CVAT file, of pictures or of a video."""
    root = read_xml(path)
    if root.tag != "annotations":
        raise UserError(f"{path} is XML of no known form: CVAT's begins with <annotations>.")
    wrong = f"{path} is not a file of CVAT 1.1"
    with expecting(wrong):
        size = root.find("meta//original_size")
        if size is not None:
            frames.check(int(size.findtext("height", "0")), int(size.findtext("width", "0")))
        own = frames.own(image.get("name", "") for image in root.iter("image"))
        images = [image for image in root.iter("image") if image.get("name", "") in own]
    flat: list[str] = []
    for track in root.iter("track"):
        for shape in track:
            with expecting(wrong):
                if shape.get("outside") == "1":
                    continue
                if (mask := _cvat_shape(shape, frames)) is None:
                    flat.append(shape.tag)
                else:
                    index = frames.numbered(int(shape.attrib["frame"]))
                    label = track.get("label", "")
                    yield FoundAnnotations(
                        index, f"track {track.attrib['id']}", label, SoftMask.from_dense(mask)
                    )
    for image in images:
        place = frames.named(image.get("name", ""))
        assert place is not None
        for shape in image:
            with expecting(wrong):
                frames.check(int(image.get("height", 0)), int(image.get("width", 0)))
                if (mask := _cvat_shape(shape, frames)) is None:
                    flat.append(shape.tag)
                else:
                    label, group = shape.get("label", ""), shape.get("group_id") or None
                    identity = f"{label}\n{group}" if group not in {None, "0"} else None
                    yield FoundAnnotations(place, identity, label, SoftMask.from_dense(mask))
    if flat:
        kinds = ", ".join(f"{flat.count(kind)} {kind}" for kind in sorted(set(flat)))
        log.warning("%s: shapes without an area are left out: %s", path, kinds)


def _cvat_shape(shape: Element, frames: Frames) -> Mask | None:
    """A shape of CVAT; None for one without an area."""
    if shape.tag == "polygon":
        pairs = [pair.split(",") for pair in shape.attrib["points"].split(";")]
        return filled([points_of([float(x) for pair in pairs for x in pair])], frames.height, frames.width)
    if shape.tag == "box":
        x0, y0, x1, y1 = (float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = points_of([x0, y0, x1, y0, x1, y1, x0, y1])
        centre = np.array([x0 + x1, y0 + y1]) / 2
        turned = (corners - centre) @ _rotation(shape) + centre
        return filled([turned], frames.height, frames.width)
    if shape.tag == "ellipse":
        centre = np.array([float(shape.attrib["cx"]), float(shape.attrib["cy"])])
        radii = np.array([float(shape.attrib["rx"]), float(shape.attrib["ry"])])
        if not (np.isfinite([centre, radii]).all() and (radii > 0).all()):
            raise ValueError("no ellipse")
        rows, columns = np.mgrid[: frames.height, : frames.width] + 0.5
        along = (np.stack([columns, rows], axis=-1) - centre) @ _rotation(shape).T
        inside: Mask = np.hypot(*np.moveaxis(along / radii, -1, 0)) <= 1
        return inside
    if shape.tag == "mask":
        left, top, width, height = (int(shape.attrib[key]) for key in ("left", "top", "width", "height"))
        if not (0 < width <= frames.width and 0 < height <= frames.height):
            raise UserError("A mask is larger than the frame.")
        lengths = [int(length) for length in shape.attrib["rle"].split(",")]
        # Along the rows here, unlike COCO's.
        return _placed(mask_of(lengths, width, height).T, left, top, frames)
    return None


def _rotation(shape: Element) -> NDArray[np.float64]:
    """What turns rows of x and y as CVAT turns a box or an ellipse: by degrees, clockwise in the picture.

    Raises:
        ValueError: the angle is no finite number.
    """
    angle = np.deg2rad(float(shape.get("rotation", "0")))
    if not np.isfinite(angle):
        raise ValueError("no angle")
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


def parse_yolo(path: Path, frames: Frames, index: int) -> Iterator[FoundAnnotations]:
    """Lines of a class and a polygon in shares of the frame; behind it may stand the number of a track."""
    for place, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        with expecting(f"Line {place} of {path} is not YOLO's 'class x1 y1 x2 y2 ...'"):
            kind, *numbers = (float(word) for word in words)
            identity: int | None = None
            if len(numbers) % 2:
                last = numbers.pop()
                # A confidence may stand there, too, which is below 1.
                identity = int(last) if last >= 1 and last == int(last) else None
            if len(numbers) < 6 or kind != int(kind) or not all(-0.5 <= share <= 1.5 for share in numbers):
                raise ValueError("no polygon in shares of the frame")
            points = points_of(numbers) * (frames.width, frames.height)
            mask = filled([points], frames.height, frames.width)
            yield FoundAnnotations(index, identity, f"class {int(kind)}", SoftMask.from_dense(mask))
