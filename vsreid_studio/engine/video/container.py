"""Containers opened through FFmpeg: which are read, which video track, and how its frames are turned.

The tables of an MP4 are looked at beforehand: FFmpeg asks for memory for each sample that they announce
before it reads one.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ...errors import UserError
from ..types import Frame
from .pixels import check_picture_size, most_pixels

_FIRST = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"})
"""Boxes that a file of this family begins with."""
_OUTER = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
"""Boxes of boxes, down to the tables."""
_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4}
"""Where a box has its number of samples, behind its header."""
_DEPTH = 8


def check_sample_tables(path: Path) -> None:
    """Refuse a file whose tables list more samples than it has bytes; other files pass.

    Raises:
        UserError: it does: a few bytes would take gigabytes.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(8)[4:] not in _FIRST:
            return
        listed = sum(_samples(file, 0, size, _DEPTH))
    if listed > size:
        raise UserError(f"The video {path} is damaged: it lists {listed} samples in {size} bytes.")


_SEGMENT = b"\x18\x53\x80\x67"
"""EBML's identity of what a Matroska file consists of, behind its header."""
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEAD = 2**16


def announced_size(path: Path) -> int:
    """The bytes that a Matroska, AVI or ASF file states as its least size; 0 if it states none.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"RIFF"):
        return int.from_bytes(head[4:8], "little") + 8
    if head.startswith(b"\x1aE\xdf\xa3") and 0 < (place := head.find(_SEGMENT) + 4) < len(head) - 8:
        length = 9 - head[place].bit_length()
        bits = 7 * length
        size = int.from_bytes(head[place : place + length], "big") & ((1 << bits) - 1)
        # All ones: not known when it was written.
        return 0 if size == (1 << bits) - 1 or length > 8 else place + length + size
    if (place := head.find(_ASF_PROPERTIES)) > 0:
        return int.from_bytes(head[place + 40 : place + 48], "little")
    return 0


def _samples(file: BinaryIO, start: int, stop: int, depth: int) -> Iterator[int]:
    """The counts of the tables in a range of the file."""
    place = start
    while depth and place + 8 <= stop:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        body = place + 8
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
            body += 8
        end = stop if length == 0 else min(stop, place + length)
        if end <= place:
            return
        if name in _OUTER:
            yield from _samples(file, body, end, depth - 1)
        elif name in _COUNTS:
            file.seek(body + _COUNTS[name])
            yield int.from_bytes(file.read(4), "big")
        place = end


Track: TypeAlias = tuple[InputContainer, VideoStream]
"""An opened file and one of its video tracks, at the beginning."""

# Demuxers of one self-contained file. Those that follow references to other files (hls, dash, concat, image2,
# sdp, mlv ...), draw text (tty) or guess at raw samples are left out.
_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,flv,live_flv,kux,asf,asf_o,"
    "ogg,nut,mxf,gxf,lxf,dv,gif,apng,jpegxl_anim,rm,wtv,vc1,vc1test,h261,h263,dirac,dnxhd,cavsvideo,avs2,avs3,"
    "evc,apv,yuv4mpegpipe,mjpeg,mjpeg_2000,smjpeg,ingenient,swf,nuv,nsv,dhav,pva,ty,dxa,cine,mgsts,amv,anm,"
    "flic,film_cpk,4xm,bink,smk,roq,idcin,vmd,wc3movie,c93,bfi,jv,mm,mv,mvi,thp,rl2,rpl,vivo,yop,ea,gdv,xmv,"
    "moflex,cdxl,ser,lmlm4,frm,psxstr,siff,smush,tiertexseq,tmv,bethsoftvid,bmv,hnm,paf,dsicin,dfa,ifv,iv8,"
    "ipmovie,msnwctcp,mtv,nc,pmp,lvf,r3d,ipu,usm,vividas,svs,filmstrip"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}

_LISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"[playlist]", b"RTSPtext", b"<ASX", b"<asx", b"[Reference]")
_NO_PICTURES = 0x400 | 0x800
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC and TIMED_THUMBNAILS: cover art."""
_DEFAULT = 0x1
"""FFmpeg's AV_DISPOSITION_DEFAULT."""


def file_url(path: Path) -> str:
    """A file's name as FFmpeg takes it for nothing else: 'http:x.mp4' and '-x.mp4' are names of files."""
    return f"file:{os.path.abspath(path)}"  # noqa: PTH100  (not through links)


def open_container(path: Path) -> InputContainer:
    """Open one file and nothing else: no playlist, no pattern, no address, whatever its name looks like.

    Metadata in another encoding than UTF-8 is read as far as it goes.

    Raises:
        UserError: it cannot be opened, is damaged or no container of video.
    """
    try:
        check_sample_tables(path)
        options = {**_OPTIONS, **_decoder_options(path)}
        return av.open(file_url(path), options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise UserError(_refusal(path, error)) from error


def check_announced(path: Path, tracks: Sequence[TrackInfo]) -> None:
    """Look at the sizes of pictures before one is decoded.

    Raises:
        UserError: they are too large, see `check_picture_size`.
    """
    with path.open("rb") as file:
        head, size = file.read(24), os.fstat(file.fileno()).st_size
    # FFmpeg reports no size where it is above `max_pixels`.
    order, place = ("<HH", 6) if head.startswith(b"GIF8") else (">II", 16)
    if head.startswith((b"GIF8", b"\x89PNG")) and len(head) == 24:
        width, height = struct.unpack_from(order, head, place)
        check_picture_size(path, width, height, size)
    for track in tracks:
        check_picture_size(path, track.width, track.height, size)


def _refusal(path: Path, error: av.FFmpegError | OSError) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(4096).lstrip(b"\xef\xbb\xbf \r\n\t")
    except OSError as reason:
        return f"The video {path} cannot be opened: {reason.strerror}."
    if head.startswith(_LISTS) or (head.startswith(b"<?xml") and b"<MPD" in head):
        return f"{path} is a playlist, not a video: open the video files that it names."
    if error.errno == errno.EINVAL:
        # What `format_whitelist` turns away.
        return f"{path} is a file of a kind that is not read as a video: convert it to MP4 or Matroska."
    return f"The video {path} cannot be opened: it is damaged or no video."


def _decoder_options(path: Path) -> dict[str, str]:
    """What a header announces above this is refused by the decoder before memory is asked for.

    Decoders count the margins of their buffers, too.
    """
    return {"max_pixels": str(most_pixels(path.stat().st_size) * 9 // 8)}


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """A video track, for the choice between several.

    Attributes:
        number: from 1 on, in the order of the file, without attached pictures.
        index: of FFmpeg's stream.
        codec: FFmpeg's name.
        width, height: in pixels, as stored.
        default: whether the file marks it as the one to be played.
    """

    number: int
    index: int
    codec: str
    width: int
    height: int
    default: bool

    def __str__(self) -> str:
        return f"{self.number} ({self.width}x{self.height}, {self.codec})"


def video_tracks(container: InputContainer) -> list[TrackInfo]:
    """The tracks that hold video. Cover art, and tracks of an unknown codec, are left out."""
    found: list[TrackInfo] = []
    for stream in container.streams.video:
        flags = int(getattr(stream, "disposition", 0))
        context = stream.codec_context
        if context is not None and not flags & _NO_PICTURES:
            default = bool(flags & _DEFAULT)
            size = context.width, context.height
            found.append(TrackInfo(len(found) + 1, stream.index, context.name, *size, default))
    return found


def choose_track(path: Path, tracks: Sequence[TrackInfo], number: int | None) -> TrackInfo:
    """The track of this number, or the one that a player shows: marked as default, largest, first.

    Raises:
        UserError: there is no such track.
    """
    if not tracks:
        raise UserError(f"The file {path} holds no pictures that can be read: it is damaged or no video.")
    if number is None:
        return max(tracks, key=lambda track: (track.default, track.width * track.height, -track.number))
    if not 1 <= number <= len(tracks):
        count = "one video track" if len(tracks) == 1 else f"video tracks 1 to {len(tracks)}"
        raise UserError(f"The video {path} has {count}, not a track {number}.")
    return tracks[number - 1]


def open_track(path: Path, index: int) -> Track:
    """Open a file at the beginning of one of its streams."""
    container = open_container(path)
    stream = container.streams[index]
    assert isinstance(stream, VideoStream)
    stream.codec_context.options = _decoder_options(path)
    stream.thread_type = "AUTO"
    return container, stream


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored frames are turned for display.

    Rows and columns are swapped first, then columns (`mirror`) and rows (`flip`) reversed.
    """

    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    def apply(self, frame: Frame) -> Frame:
        """Turn an (H, W, 3) frame."""
        if self.transpose:
            frame = frame.transpose(1, 0, 2)
        if self.mirror:
            frame = frame[:, ::-1]
        if self.flip:
            frame = frame[::-1]
        return np.ascontiguousarray(frame)


def orientation_of(frame: VideoFrame) -> Orientation:
    """By the frame's display matrix, to the nearest quarter turn.

    The matrix [a b; c d] takes stored pixel (x, y) to (ax + cy, bx + dy).
    """
    # Keys are of this type, whatever the stubs of PyAV say.
    data = cast(Any, frame.side_data).get(Type.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(mirror=a < 0, flip=d < 0)
    return Orientation(transpose=True, mirror=c < 0, flip=b < 0)
