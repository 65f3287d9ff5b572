"""Small clips of every kind. Each frame carries its number as blocks of black and white."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
BITS = 6


def numbered(number: int, width: int = 96, height: int = 64) -> Picture:
    """A moving texture below the number's blocks."""
    rows, columns = np.mgrid[:height, :width]
    grey = 90 + 40 * (((columns + 3 * number) // 8 + rows // 8) % 2)
    picture = np.dstack([grey, grey, 0 * grey + 100]).astype(np.uint8)
    block = width // BITS
    for bit in range(BITS):
        picture[: height // 2, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 16
    return picture


def number_of(frame: Picture) -> int:
    """The number that a frame carries."""
    height, width = frame.shape[:2]
    block = width // BITS
    middles = [frame[height // 8 : height // 3, bit * block + block // 2] for bit in range(BITS)]
    return sum(int(middle.mean() > 126) << bit for bit, middle in enumerate(middles))


def encode(
    path: Path,
    codec: str,
    *,
    form: str | None = None,
    count: int = 30,
    size: tuple[int, int] = (96, 64),
    pixels: str = "yuv420p",
    rate: Fraction = Fraction(25),
    ticks: Sequence[int] | None = None,
    clock: Fraction | None = None,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    gop: int = 8,
    b_frames: int = 2,
    aspect: Fraction | None = None,
    matrix: Sequence[float] | None = None,
) -> Path:
    """Write a clip; skips the test where this build of FFmpeg cannot."""
    try:
        av.codec.Codec(codec, "w")
    except Exception:
        pytest.skip(f"no encoder {codec} in this FFmpeg")
    width, height = size
    with av.open(str(path), "w", format=form, options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        context = stream.codec_context
        context.gop_size, context.thread_count = gop, 1
        if b_frames and codec in {"libx264", "libx265", "mpeg4", "mpeg2video", "mpeg1video"}:
            context.max_b_frames = b_frames
        if aspect:
            stream.sample_aspect_ratio = aspect
        if matrix is not None:
            stream.set_display_matrix(matrix)
        clock = clock or 1 / rate
        context.time_base = clock
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(index, width, height), format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = (ticks[index] if ticks else index), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remux(
    source: Path,
    target: Path,
    form: str | None = None,
    packets: Iterable[bytes] | None = None,
    *,
    all_keys: bool = False,
) -> Path:
    """Copy the video packets into another container, or put others in their place."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=form) as taken:
        stream = given.streams.video[0]
        copy = taken.add_stream_from_template(stream)
        if packets is None:
            for packet in given.demux(stream):
                if packet.size:
                    packet.stream = copy
                    packet.is_keyframe = packet.is_keyframe or all_keys
                    taken.mux(packet)
        else:
            for index, data in enumerate(packets):
                fresh: Any = av.Packet(data)
                fresh.stream, fresh.time_base = copy, Fraction(1, 25)
                fresh.pts = fresh.dts = index
                fresh.is_keyframe = not index
                taken.mux(fresh)
    return target


def stored_packets(path: Path) -> list[bytes]:
    """The bytes of the video packets."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def straight(path: Path, stream: int = 0) -> list[Picture]:
    """What a plain decoder shows, from the first frame to the last."""
    with av.open(str(path)) as container:
        return [np.asarray(it.to_ndarray(format="rgb24"), np.uint8) for it in container.decode(video=stream)]


def two_tracks(path: Path, default: int | None, cover: bool = False) -> Path:
    """Track 1 is 48x32 and shows 0 to 4; track 2 is 96x64 and shows 10 to 14; a cover may come before."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        if cover:
            picture: Any = container.add_stream("png", rate=1)
            picture.width, picture.height, picture.pix_fmt = 200, 200, "rgb24"
            picture.disposition = Disposition.attached_pic
        for place, (width, height) in enumerate([(48, 32), (96, 64)]):
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = Disposition.default if place == default else Disposition(0)
            streams.append(stream)
        if cover:
            frame = av.VideoFrame.from_ndarray(numbered(0, 200, 200), format="rgb24")
            container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        for index in range(5):
            for place, stream in enumerate(streams):
                pixels = numbered(index + 10 * place, stream.width, stream.height)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


_NOT_CODED = bytes([0, 0, 1, 0xB6, 0x51, 0x7F])


def packed_avi(folder: Path) -> Path:
    """MPEG-4 in AVI as DivX packed it: a B-frame travels with the frame that it leans on."""
    plain = encode(folder / "plain.avi", "mpeg4", b_frames=1, gop=10, options={"sc_threshold": "1000000000"})
    packets = stored_packets(plain)
    packed: list[bytes] = []
    for data in packets:
        place = data.index(b"\x00\x00\x01\xb6")
        if data[place + 4] >> 6 == 2:  # a B-frame: goes with the one before, and leaves a place holder
            packed[-1] += data[place:]
            packed.append(_NOT_CODED)
        else:
            packed.append(data)
    first = packed[0]
    place = first.index(b"\x00\x00\x01\xb6")
    packed[0] = first[:place] + b"\x00\x00\x01\xb2DivX503b1393p" + first[place:]
    return remux(plain, folder / "packed.avi", packets=packed)


class _Bits:
    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, count: int, value: int) -> _Bits:
        self.bits += [value >> place & 1 for place in reversed(range(count))]
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            length = (value + 1).bit_length()
            self.put(2 * length - 1, value + 1)
        return self

    def unit(self, head: int) -> bytes:
        self.put(1, 1).put(-len(self.bits) % 8, 0)
        raw, out, zeros = np.packbits(self.bits).tobytes(), bytearray(), 0
        for byte in raw:
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = 0 if byte else zeros + 1
        return b"\x00\x00\x00\x01" + bytes([head]) + bytes(out)


def field_stream(path: Path, count: int = 12) -> Path:
    """A bare H.264 stream, 96x64, in which each picture is two fields of uncompressed macroblocks."""
    across, down = 6, 2  # macroblocks of a field
    sps = _Bits().put(8, 77).put(8, 0).put(8, 30).ue(0, 0, 2, 1).put(1, 0).ue(across - 1, down - 1)
    sps.put(1, 0).put(1, 0).put(1, 1).put(1, 0).put(1, 0)  # frame_mbs_only 0, no VUI
    pps = _Bits().ue(0, 0).put(2, 0).ue(0, 0, 0).put(3, 0).ue(0, 0, 0).put(3, 4)
    out = b""
    for index in range(count):
        picture = av.VideoFrame.from_ndarray(numbered(index), format="rgb24").reformat(format="yuv420p")
        luma, *chroma = np.split(picture.to_ndarray().reshape(-1), [96 * 64, 96 * 64 + 48 * 32])
        planes = [luma.reshape(64, 96), *(plane.reshape(32, 48) for plane in chroma)]
        start = index % 4 == 0
        out += _Bits().put(3, 0).unit(9)
        if start:
            out += sps_bytes(sps, 0x67) + sps_bytes(pps, 0x68)
        for bottom in (0, 1):
            idr = start and not bottom
            head = _Bits().ue(0, 7, 0).put(4, index % 4).put(1, 1).put(1, bottom)
            if idr:
                head.ue(index // 4 % 2).put(2, 0)
            else:
                head.put(1, 0)
            head.ue(0, 1)  # QP as in the PPS, no deblocking
            for row in range(down):
                for column in range(across):
                    head.ue(25).put(-len(head.bits) % 8, 0)
                    for plane, edge in zip(planes, (16, 8, 8), strict=True):
                        block = plane[bottom::2][row * edge :, column * edge :][:edge, :edge]
                        head.bits += np.unpackbits(np.maximum(block, 1)).tolist()
            if bottom:
                out += _Bits().put(3, 0).unit(9)
            out += head.unit(0x65 if idr else 0x61)
    path.write_bytes(out)
    return path


def sps_bytes(bits: _Bits, head: int) -> bytes:
    """A parameter set that is written more than once."""
    copy = _Bits()
    copy.bits = list(bits.bits)
    return copy.unit(head)
