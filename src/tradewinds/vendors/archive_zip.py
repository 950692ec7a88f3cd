"""Opens a zip archive that must hold exactly one named file, and inflates it fast.

Python's zip reader inflates with zlib in small steps; market archives are one large deflate stream, which isal inflates about
four times faster in one call. The CRC is checked, and the output can never grow beyond what the archive states and we allow.
"""

from __future__ import annotations

import zipfile
from io import BytesIO

from isal import isal_zlib

from tradewinds.core.errors import Unreadable

LOCAL_HEADER_BYTES = 30
LOCAL_HEADER = b"PK\x03\x04"
ENCRYPTED = 0x1
# Deflate cannot do better than 1032 to 1: an archive that claims more is a bomb or a lie.
RATIO_MAX = 1040


def only_member(content: bytes, name: str, *, what: str, bytes_max: int) -> bytes:
    """The bytes of the one file `name` in a zip archive.

    Raises Unreadable, beginning with `what`, where the archive is corrupt, truncated, encrypted, too large, or holds anything else.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise Unreadable(f"{what}: {len(content)} bytes are no zip archive ({error}), expected one that holds {name}") from None
    if [member.filename for member in members] != [name]:
        held = ", ".join(member.filename for member in members[:3]) or "nothing"
        raise Unreadable(f"{what}: archive holds {held}, expected only {name}")
    member = members[0]
    if member.flag_bits & ENCRYPTED or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable(f"{what}: {name} is encrypted or packed by method {member.compress_type}, expected deflate")
    if member.file_size > bytes_max or member.file_size > RATIO_MAX * (member.compress_size + 1):
        raise Unreadable(
            f"{what}: {name} claims {member.file_size} bytes of {member.compress_size}, expected at most {bytes_max} and no bomb"
        )
    data = _inflated(_packed(content, member, what), member, what)
    if len(data) != member.file_size or isal_zlib.crc32(data) != member.CRC:
        raise Unreadable(f"{what}: {name} has {len(data)} bytes or a wrong CRC, expected {member.file_size} and {member.CRC:08x}")
    return data


def _packed(content: bytes, member: zipfile.ZipInfo, what: str) -> memoryview:
    at = member.header_offset
    header = content[at : at + LOCAL_HEADER_BYTES]
    if len(header) < LOCAL_HEADER_BYTES or header[:4] != LOCAL_HEADER:
        raise Unreadable(f"{what}: no local header at byte {at}, expected one")
    begin = at + LOCAL_HEADER_BYTES + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if begin + member.compress_size > len(content):
        raise Unreadable(f"{what}: ends at byte {len(content)}, expected {begin + member.compress_size}")
    return memoryview(content)[begin : begin + member.compress_size]


def _inflated(packed: memoryview, member: zipfile.ZipInfo, what: str) -> bytes:
    if member.compress_type == zipfile.ZIP_STORED:
        return bytes(packed)
    try:
        # One byte more than stated, so that a stream that goes on is seen.
        data: bytes = isal_zlib.decompressobj(-15).decompress(packed, member.file_size + 1)
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub declares the class as an instance
        raise Unreadable(f"{what}: {member.filename} does not inflate ({error}), expected an intact deflate stream") from None
    return data
