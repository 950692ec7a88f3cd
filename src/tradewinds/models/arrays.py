"""Arrays as bytes: an archive of NumPy's own plain format, without pickle and without a date, so that equal arrays are equal bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Unreadable

LONG_AGO = (1980, 1, 1, 0, 0, 0)
LEVEL = 6


def to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            part = io.BytesIO()
            np.lib.format.write_array(part, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", LONG_AGO), part.getvalue(), zipfile.ZIP_DEFLATED, LEVEL)
    return out.getvalue()


def of_bytes(content: bytes, what: str) -> dict[str, NDArray[Any]]:
    """The arrays of `to_bytes`, and of `numpy.savez`; raises Unreadable naming `what` for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:  # noqa: BLE001  # a broken archive raises whatever its decoders like
        raise Unreadable(f"{what}: {type(error).__name__}: {str(error)[:120]}, expected an archive of arrays") from None
