"""The 16-bit cyclic redundancy check of a message, bit by bit.

Source: CRC-16 of X.25 (polynomial 0x1021 reversed, ISO/IEC 13239); NPBench, other programs.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 50},
    "S": {"N": 1600},
    "M": {"N": 16_000},
    "L": {"N": 160_000},
    "paper": {"N": 1_000_000},
}
OUTPUTS = ("out",)


def initialize(N: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    data = rng.integers(0, 256, size=(N,), dtype=np.uint8)
    return {"data": data, "poly": 0x8408, "out": np.zeros(1, np.uint16)}


def reference(data, poly, out):
    crc = 0xFFFF
    for byte in data:
        bits = 0xFF & int(byte)
        for _ in range(8):
            crc = (crc >> 1) ^ poly if (crc & 1) ^ (bits & 1) else crc >> 1
            bits >>= 1
    crc = ~crc & 0xFFFF
    out[0] = ((crc << 8) | (crc >> 8)) & 0xFFFF


@parpy.jit
def kernel(data, poly, out):
    with parpy.gpu:
        crc = 0xFFFF
        for i in range(len(data)):
            crc = crc ^ int(data[i])
            for _ in range(8):
                crc = (crc >> 1) ^ poly if crc & 1 else crc >> 1
        crc = ~crc & 0xFFFF
        out[0] = ((crc << 8) | (crc >> 8)) & 0xFFFF


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {}
