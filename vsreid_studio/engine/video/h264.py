"""The one thing to know of an H.264 stream before it is decoded: whether packets may be fields."""

from __future__ import annotations

import re

_SPS = 7
_HIGH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose parameter sets give the chroma format."""


def may_hold_fields(extradata: bytes) -> bool:
    """Whether a stream is coded as interlaced: a packet may then be half a frame (PAFF).

    Args:
        extradata: parameter sets, as in MP4 ('avcC') or with start codes.

    Returns:
        False also where there is no parameter set that can be read.
    """
    for unit in _units(extradata):
        if unit and unit[0] & 31 == _SPS:
            try:
                if not _frames_only(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")):
                    return True
            except IndexError:
                continue
    return False


def _units(extradata: bytes) -> list[bytes]:
    if not extradata.startswith(b"\x01"):
        return re.split(rb"\x00\x00\x01", extradata)
    units, place = [], 6
    for _ in range(extradata[5] & 31 if len(extradata) > 5 else 0):
        size = int.from_bytes(extradata[place : place + 2], "big")
        units.append(extradata[place + 2 : place + 2 + size])
        place += 2 + size
    return units


class _Bits:
    """Reads bits, and Exp-Golomb codes (ITU-T H.264, 9.1)."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def bit(self) -> int:
        """The next bit.

        Raises:
            IndexError: there is none.
        """
        value = self._data[self._place >> 3] >> (7 - (self._place & 7)) & 1
        self._place += 1
        return value

    def bits(self, count: int) -> int:
        """An unsigned number of so many bits."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def unsigned(self) -> int:
        """ue(v)."""
        zeros = 0
        while not self.bit():
            zeros += 1
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _frames_only(sps: bytes) -> bool:
    """frame_mbs_only_flag of a sequence parameter set (7.3.2.1.1), without its first byte."""
    read = _Bits(sps)
    profile = read.bits(8)
    read.bits(16)
    read.unsigned()  # seq_parameter_set_id
    if profile in _HIGH:
        chroma = read.unsigned()
        if chroma == 3:
            read.bit()
        read.unsigned(), read.unsigned(), read.bit()  # bit depths, lossless bypass
        if read.bit():
            for number in range(8 if chroma != 3 else 12):
                if read.bit():
                    _skip_scaling_list(read, 16 if number < 6 else 64)
    read.unsigned()  # log2_max_frame_num
    order = read.unsigned()
    if order == 0:
        read.unsigned()
    elif order == 1:
        read.bit(), read.signed(), read.signed()
        for _ in range(read.unsigned()):
            read.signed()
    read.unsigned(), read.bit(), read.unsigned(), read.unsigned()  # references, gaps, size
    return bool(read.bit())


def _skip_scaling_list(read: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + read.signed()) % 256
        last = following or last
