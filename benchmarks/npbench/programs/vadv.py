"""Vertical advection of a weather model: an implicit step, by Thomas's algorithm in each column.

Source: the COSMO model's dynamical core (Baldauf and others, Operational convective-scale numerical
weather prediction with the COSMO model, 2011); NPBench, domain "weather simulation".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"I": 60, "J": 60, "K": 40},
    "M": {"I": 112, "J": 112, "K": 80},
    "L": {"I": 180, "J": 180, "K": 160},
    "paper": {"I": 256, "J": 256, "K": 160},
    "test": {"I": 5, "J": 19, "K": 13},
}

OUTPUTS = ("utens_stage",)
# Some columns are badly conditioned.
TOLERANCE_OF_FLOAT32 = {"outliers": 1e-3}

BET_M = 0.5
BET_P = 0.5


def initialize(I: int, J: int, K: int) -> dict[str, Any]:  # noqa: E741
    rng = np.random.default_rng(42)
    return {
        "utens_stage": rng.random((I, J, K)),
        "u_stage": rng.random((I, J, K)),
        "wcon": rng.random((I + 1, J, K)),
        "u_pos": rng.random((I, J, K)),
        "utens": rng.random((I, J, K)),
        "dtr_stage": 3.0 / 20.0,
    }


def reference(utens_stage, u_stage, wcon, u_pos, utens, dtr_stage):
    K = utens_stage.shape[2]
    ccol = np.empty_like(utens_stage)
    dcol = np.empty_like(utens_stage)

    def right_hand_side(k, correction):
        return dtr_stage * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction

    gcv = 0.25 * (wcon[1:, :, 1] + wcon[:-1, :, 1])
    ccol[:, :, 0] = gcv * BET_P
    divided = 1.0 / (dtr_stage - ccol[:, :, 0])
    correction = -gcv * BET_M * (u_stage[:, :, 1] - u_stage[:, :, 0])
    dcol[:, :, 0] = right_hand_side(0, correction) * divided
    ccol[:, :, 0] *= divided

    for k in range(1, K - 1):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        acol = gav * BET_P
        ccol[:, :, k] = gcv * BET_P
        bcol = dtr_stage - acol - ccol[:, :, k]
        correction = -gav * BET_M * (u_stage[:, :, k - 1] - u_stage[:, :, k])
        correction -= gcv * BET_M * (u_stage[:, :, k + 1] - u_stage[:, :, k])
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        dcol[:, :, k] = right_hand_side(k, correction) - dcol[:, :, k - 1] * acol
        dcol[:, :, k] *= divided
        ccol[:, :, k] *= divided

    k = K - 1
    gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
    acol = gav * BET_P
    correction = -gav * BET_M * (u_stage[:, :, k - 1] - u_stage[:, :, k])
    divided = 1.0 / (dtr_stage - acol - ccol[:, :, k - 1] * acol)
    dcol[:, :, k] = right_hand_side(k, correction) - dcol[:, :, k - 1] * acol
    dcol[:, :, k] *= divided

    data = dcol[:, :, k]
    utens_stage[:, :, k] = dtr_stage * (data - u_pos[:, :, k])
    for k in range(K - 2, -1, -1):
        data = dcol[:, :, k] - ccol[:, :, k] * data
        utens_stage[:, :, k] = dtr_stage * (data - u_pos[:, :, k])


@parpy.jit
def kernel(utens_stage, u_stage, wcon, u_pos, utens, dtr_stage):
    K = utens_stage.shape[2]
    ccol = np.empty(utens_stage.shape, utens_stage.dtype)
    dcol = np.empty(utens_stage.shape, utens_stage.dtype)
    parpy.label("rows")
    for i in range(utens_stage.shape[0]):
        parpy.label("columns")
        for j in range(utens_stage.shape[1]):
            # Upwards: eliminate what is below the diagonal. c and d belong to the level below,
            # gav and du to the face between it and this one.
            c = 0.0
            d = 0.0
            gav = 0.0
            du = 0.0
            for k in range(K - 1):
                gcv = 0.25 * (wcon[i + 1, j, k + 1] + wcon[i, j, k + 1])
                difference = u_stage[i, j, k + 1] - u_stage[i, j, k]
                rhs = dtr_stage * u_pos[i, j, k] + utens[i, j, k] + utens_stage[i, j, k]
                rhs -= BET_M * (gav * du + gcv * difference)
                a = -BET_P * gav
                divided = 1.0 / (dtr_stage - a - BET_P * gcv - c * a)
                d = (rhs - d * a) * divided
                c = BET_P * gcv * divided
                ccol[i, j, k] = c
                dcol[i, j, k] = d
                gav = gcv
                du = difference
            rhs = dtr_stage * u_pos[i, j, K - 1] + utens[i, j, K - 1] + utens_stage[i, j, K - 1]
            rhs -= BET_M * gav * du
            a = -BET_P * gav
            data = (rhs - d * a) / (dtr_stage - a - c * a)
            # Downwards: substitute.
            utens_stage[i, j, K - 1] = dtr_stage * (data - u_pos[i, j, K - 1])
            for k in range(K - 2, -1, -1):
                data = dcol[i, j, k] - ccol[i, j, k] * data
                utens_stage[i, j, k] = dtr_stage * (data - u_pos[i, j, k])


def schedule(I: int, J: int, K: int) -> dict[str, parpy.LoopPar]:  # noqa: E741
    return {"rows": parpy.threads(I), "columns": parpy.threads(J)}
