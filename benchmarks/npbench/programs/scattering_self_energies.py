"""Scattering self-energies of electrons by phonons, as in simulations of nano-electronic devices.

Source: Ziogas and others, A data-centric approach to extreme-scale ab initio dissipative quantum
transport simulations, 2019; NPBench, domain "physics simulation".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"Nkz": 2, "NE": 4, "Nqz": 2, "Nw": 2, "N3D": 2, "NA": 6, "NB": 2, "Norb": 3},
    "M": {"Nkz": 4, "NE": 6, "Nqz": 4, "Nw": 3, "N3D": 2, "NA": 10, "NB": 2, "Norb": 3},
    "L": {"Nkz": 4, "NE": 8, "Nqz": 4, "Nw": 3, "N3D": 3, "NA": 16, "NB": 4, "Norb": 4},
    "paper": {"Nkz": 4, "NE": 10, "Nqz": 4, "Nw": 3, "N3D": 3, "NA": 20, "NB": 4, "Norb": 4},
    "test": {"Nkz": 2, "NE": 3, "Nqz": 1, "Nw": 2, "N3D": 2, "NA": 4, "NB": 2, "Norb": 3},
}

OUTPUTS = ("Sigma",)


def initialize(
    Nkz: int, NE: int, Nqz: int, Nw: int, N3D: int, NA: int, NB: int, Norb: int
) -> dict[str, Any]:
    rng = np.random.default_rng(42)

    def values(*shape: int) -> np.ndarray:
        return rng.random(shape) + 1j * rng.random(shape)

    neighbours = np.arange(NA)[:, np.newaxis] + np.arange(NB) - NB // 2
    return {
        "neigh_idx": (neighbours % NA).astype(np.int32),
        "dH": values(NA, NB, N3D, Norb, Norb),
        "G": values(Nkz, NE, NA, Norb, Norb),
        "D": values(Nqz, Nw, NA, NB, N3D, N3D),
        "Sigma": np.zeros((Nkz, NE, NA, Norb, Norb), np.complex128),
    }


def reference(neigh_idx, dH, G, D, Sigma):
    for k in range(G.shape[0]):
        for E in range(G.shape[1]):
            for q in range(D.shape[0]):
                for w in range(min(D.shape[1], E + 1)):
                    for i in range(D.shape[4]):
                        for j in range(D.shape[5]):
                            for a in range(neigh_idx.shape[0]):
                                for b in range(neigh_idx.shape[1]):
                                    dHG = G[k, E - w, neigh_idx[a, b]] @ dH[a, b, i]
                                    dHD = dH[a, b, j] * D[q, w, a, b, i, j]
                                    Sigma[k, E, a] += dHG @ dHD


@parpy.jit
def kernel(neigh_idx, dH, G, D, Sigma):
    Norb = G.shape[4]
    dHG = np.empty(G.shape, G.dtype)
    parpy.label("momenta")
    for k in range(G.shape[0]):
        parpy.label("energies")
        for E in range(G.shape[1]):
            parpy.label("atoms")
            for a in range(neigh_idx.shape[0]):
                for w in range(min(D.shape[1], E + 1)):
                    for b in range(neigh_idx.shape[1]):
                        neighbour = neigh_idx[a, b]
                        for i in range(D.shape[4]):
                            for m in range(Norb):
                                dHG[k, E, a, m, :] = 0.0
                                for n in range(Norb):
                                    dHG[k, E, a, m, :] += (
                                        G[k, E - w, neighbour, m, n] * dH[a, b, i, n, :]
                                    )
                            for q in range(D.shape[0]):
                                for j in range(D.shape[5]):
                                    for m in range(Norb):
                                        for n in range(Norb):
                                            factor = dHG[k, E, a, m, n] * D[q, w, a, b, i, j]
                                            Sigma[k, E, a, m, :] += factor * dH[a, b, j, n, :]


def schedule(Nkz: int, NE: int, NA: int, **others: int) -> dict[str, parpy.LoopPar]:
    return {
        "momenta": parpy.threads(Nkz),
        "energies": parpy.threads(NE),
        "atoms": parpy.threads(NA),
    }
