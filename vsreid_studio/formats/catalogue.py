"""The forms that a project can be exported in, for those who list and ask; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportFormat:
    """What a format needs to be asked.

    Attributes:
        key: names it in an `ExportRequest` and on the command line.
        title: for people.
        summary: what it writes, in at most 65 characters.
        resolutions: those to choose from; empty when there is no choice.
        sets: usual names of image sets; empty when the format has none.
        places: what is written below the folder, with {resolution} and {sequence}.
        shared: what is added to below the folder, with {image_set}.
        thing: what is written, in a word.
        whole: what the folder is when it holds several of them, in a few words.
    """

    key: str
    title: str
    summary: str
    resolutions: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    thing: str = "sequence"
    whole: str = "data set"

    def parts(self, sequence: str) -> tuple[Path, ...]:
        """The places of a sequence below the folder, of a format without resolutions."""
        return tuple(Path(place.format(sequence=sequence)) for place in self.places)


@dataclass(frozen=True)
class ExportRequest:
    """What a person wants.

    Attributes:
        format_key: an `ExportFormat.key`.
        folder: where the data set is or shall be.
        resolutions: at least one of the format's, if it has any.
        sequence: a valid name.
        image_set: a valid name; empty for a format without sets.
        overwrite: whether a sequence that is there may be replaced.
    """

    format_key: str
    folder: Path
    resolutions: tuple[str, ...]
    sequence: str
    image_set: str
    overwrite: bool


DAVIS = ExportFormat(
    "davis",
    "DAVIS data set",
    "Frames, palette masks and the list of the set, read back.",
    ("480p", "Full-Resolution"),
    ("val", "train", "test-dev"),
    ("JPEGImages/{resolution}/{sequence}", "Annotations/{resolution}/{sequence}"),
    ("ImageSets/2017/{image_set}.txt",),
)
YOUTUBE_VOS = ExportFormat(
    "youtube-vos",
    "YouTube-VOS data set",
    "Frames, palette masks and meta.json, read back.",
    places=("JPEGImages/{sequence}", "Annotations/{sequence}"),
    shared=("meta.json",),
)
COCO = ExportFormat(
    "coco",
    "COCO instances (RLE)",
    "Frames as images, masks as one JSON of run lengths, read back.",
    places=("images/{sequence}", "annotations/instances_{sequence}.json"),
)
COCO_VIDEO = ExportFormat(
    "coco-video",
    "COCO for video, YouTube-VIS (RLE)",
    "Frames, and each instance as one track of run lengths, read back.",
    places=("JPEGImages/{sequence}", "instances_{sequence}.json"),
)
MOTS = ExportFormat(
    "mots",
    "MOTS text",
    "A line for each mask: frame, id, class, size and run lengths.",
    places=("{sequence}.txt", "{sequence}.labels.txt"),
)
CUTOUTS = ExportFormat(
    "cutouts",
    "Cut-outs (RGBA PNG)",
    "Each instance in its colours on nothing, a picture a frame.",
    places=("{sequence}",),
    whole="cut-outs",
)
OVERLAY = ExportFormat(
    "overlay",
    "Overlay video (MP4)",
    "One video that shows the masks over the frames, in their colours.",
    places=("{sequence}.mp4",),
    thing="video",
    whole="video",
)
FORMATS = (DAVIS, YOUTUBE_VOS, COCO, COCO_VIDEO, MOTS, CUTOUTS, OVERLAY)
"""In the order in which they are offered."""


def targets(request: ExportRequest) -> tuple[Path, ...]:
    """All places that an export replaces or adds to.

    Raises:
        ValueError: the request names a format that does not exist.
    """
    form = next((it for it in FORMATS if it.key == request.format_key), None)
    if form is None:
        raise ValueError(f"there is no format {request.format_key!r}")
    names = {"sequence": request.sequence, "image_set": request.image_set}
    places = [
        place.format(resolution=size, **names)
        for place in form.places
        for size in request.resolutions or ("",)
    ]
    return tuple(request.folder / place for place in (*places, *(it.format(**names) for it in form.shared)))
