"""Flow through a channel, driven by a force and periodic along it, until it is steady.

As the cavity flow, with periodic neighbours in x, and with as many time steps as it takes until
the sum of the velocities grows by less than a thousandth. Source: Barba and Forsyth, "CFD Python:
the 12 steps to Navier-Stokes equations" (JOSE, 2018), step 12; NPBench, physics.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"ny": 3, "nx": 4, "nit": 3},
    "S": {"ny": 61, "nx": 61, "nit": 5},
    "M": {"ny": 121, "nx": 121, "nit": 10},
    "L": {"ny": 201, "nx": 201, "nit": 20},
    "paper": {"ny": 101, "nx": 101, "nit": 50},
}
OUTPUTS = ("u", "v", "p", "steps")
# The growth may fall below its limit one step sooner or later.
TOLERANCE_OF_FLOAT32 = {"integers": 1}


def initialize(ny: int, nx: int, nit: int) -> dict[str, Any]:
    return {
        "nit": nit,
        "u": np.zeros((ny, nx)),
        "v": np.zeros((ny, nx)),
        "p": np.ones((ny, nx)),
        "dt": 0.1 / ((nx - 1) * (ny - 1)),
        "dx": 2 / (nx - 1),
        "dy": 2 / (ny - 1),
        "rho": 1.0,
        "nu": 0.1,
        "F": 1.0,
        "steps": np.zeros(1, np.int64),
    }


def source_of(ue, uw, un, us, ve, vw, vn, vs, dt, dx, dy, rho):
    du_dx = (ue - uw) / (2 * dx)
    dv_dy = (vn - vs) / (2 * dy)
    mixed = (un - us) / (2 * dy) * (ve - vw) / (2 * dx)
    return rho * (1 / dt * (du_dx + dv_dy) - du_dx**2 - 2 * mixed - dv_dy**2)


def relaxed_of(e, w, n, s, b, dx, dy):
    both = 2 * (dx**2 + dy**2)
    return ((e + w) * dy**2 + (n + s) * dx**2) / both - dx**2 * dy**2 / both * b


def advanced_of(c, u, v, e, w, n, s, dt, dx, dy, nu):
    return (
        c
        - u * dt / dx * (c - w)
        - v * dt / dy * (c - s)
        + nu * (dt / dx**2 * (e - 2 * c + w) + dt / dy**2 * (n - 2 * c + s))
    )


def set_source(b, u, v, dt, dx, dy, rho):
    b[1:-1, 1:-1] = source_of(
        u[1:-1, 2:], u[1:-1, :-2], u[2:, 1:-1], u[:-2, 1:-1],
        v[1:-1, 2:], v[1:-1, :-2], v[2:, 1:-1], v[:-2, 1:-1],
        dt, dx, dy, rho,
    )  # fmt: skip
    b[1:-1, -1] = source_of(
        u[1:-1, 0], u[1:-1, -2], u[2:, -1], u[:-2, -1],
        v[1:-1, 0], v[1:-1, -2], v[2:, -1], v[:-2, -1],
        dt, dx, dy, rho,
    )  # fmt: skip
    b[1:-1, 0] = source_of(
        u[1:-1, 1], u[1:-1, -1], u[2:, 0], u[:-2, 0],
        v[1:-1, 1], v[1:-1, -1], v[2:, 0], v[:-2, 0],
        dt, dx, dy, rho,
    )  # fmt: skip


def relax_pressure(nit, p, b, dx, dy):
    pn = np.empty_like(p)
    for _ in range(nit):
        pn[:] = p
        p[1:-1, 1:-1] = relaxed_of(
            pn[1:-1, 2:], pn[1:-1, :-2], pn[2:, 1:-1], pn[:-2, 1:-1], b[1:-1, 1:-1], dx, dy
        )
        p[1:-1, -1] = relaxed_of(
            pn[1:-1, 0], pn[1:-1, -2], pn[2:, -1], pn[:-2, -1], b[1:-1, -1], dx, dy
        )
        p[1:-1, 0] = relaxed_of(
            pn[1:-1, 1], pn[1:-1, -1], pn[2:, 0], pn[:-2, 0], b[1:-1, 0], dx, dy
        )
        p[-1, :] = p[-2, :]
        p[0, :] = p[1, :]


def advance(new, c, u, v, dt, dx, dy, nu):
    new[1:-1, 1:-1] = advanced_of(
        c[1:-1, 1:-1], u[1:-1, 1:-1], v[1:-1, 1:-1],
        c[1:-1, 2:], c[1:-1, :-2], c[2:, 1:-1], c[:-2, 1:-1],
        dt, dx, dy, nu,
    )  # fmt: skip
    new[1:-1, -1] = advanced_of(
        c[1:-1, -1], u[1:-1, -1], v[1:-1, -1],
        c[1:-1, 0], c[1:-1, -2], c[2:, -1], c[:-2, -1],
        dt, dx, dy, nu,
    )  # fmt: skip
    new[1:-1, 0] = advanced_of(
        c[1:-1, 0], u[1:-1, 0], v[1:-1, 0],
        c[1:-1, 1], c[1:-1, -1], c[2:, 0], c[:-2, 0],
        dt, dx, dy, nu,
    )  # fmt: skip


def reference(nit, u, v, p, dt, dx, dy, rho, nu, F, steps):
    b = np.zeros_like(u)
    growth = 1.0
    count = 0
    while growth > 0.001:
        un = u.copy()
        vn = v.copy()
        set_source(b, u, v, dt, dx, dy, rho)
        relax_pressure(nit, p, b, dx, dy)
        advance(u, un, un, vn, dt, dx, dy, nu)
        u[1:-1, 1:-1] += F * dt - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
        u[1:-1, -1] += F * dt - dt / (2 * rho * dx) * (p[1:-1, 0] - p[1:-1, -2])
        u[1:-1, 0] += F * dt - dt / (2 * rho * dx) * (p[1:-1, 1] - p[1:-1, -1])
        advance(v, vn, un, vn, dt, dx, dy, nu)
        v[1:-1, :] -= dt / (2 * rho * dy) * (p[2:, :] - p[:-2, :])
        u[0, :] = 0
        u[-1, :] = 0
        v[0, :] = 0
        v[-1, :] = 0
        growth = (np.sum(u) - np.sum(un)) / np.sum(u)
        count += 1
    steps[0] = count


@parpy.jit
def source(ue, uw, un, us, ve, vw, vn, vs, per_dt, per_2dx, per_2dy, rho):
    """The source of the pressure at a point, from the velocities around it."""
    du_dx = (ue - uw) * per_2dx
    dv_dy = (vn - vs) * per_2dy
    mixed = (un - us) * per_2dy * (ve - vw) * per_2dx
    return rho * (per_dt * (du_dx + dv_dy) - du_dx * du_dx - 2 * mixed - dv_dy * dv_dy)


@parpy.jit
def advanced(c, u, v, e, w, n, s, dt, dx, dy, nu):
    """Advection and diffusion of one velocity at a point, from its neighbours."""
    return (
        c
        - u * (dt / dx) * (c - w)
        - v * (dt / dy) * (c - s)
        + nu * (dt / (dx * dx) * (e - 2 * c + w) + dt / (dy * dy) * (n - 2 * c + s))
    )


@parpy.jit
def relaxed(new, p, b, dx, dy):
    """One Jacobi step from `p` to `new`, borders included."""
    x = dx * dx / (2 * (dx * dx + dy * dy))
    y = dy * dy / (2 * (dx * dx + dy * dy))
    z = x * dy * dy
    ny, nx = p.shape
    parpy.label("rows")
    for i in range(1, ny - 1):
        parpy.label("columns")
        new[i, 1:-1] = (
            y * (p[i, 2:] + p[i, :-2]) + x * (p[i + 1, 1:-1] + p[i - 1, 1:-1]) - z * b[i, 1:-1]
        )
        new[i, 0] = y * (p[i, 1] + p[i, -1]) + x * (p[i + 1, 0] + p[i - 1, 0]) - z * b[i, 0]
        new[i, -1] = y * (p[i, 0] + p[i, -2]) + x * (p[i + 1, -1] + p[i - 1, -1]) - z * b[i, -1]
        if i == ny - 2:
            parpy.label("columns")
            new[ny - 1, :] = new[ny - 2, :]
        if i == 1:
            parpy.label("columns")
            new[0, :] = new[1, :]


@parpy.jit
def advance_all(new, c, u, v, dt, dx, dy, nu):
    """One step of one velocity, the pressure left out."""
    ny, nx = c.shape
    parpy.label("rows")
    for i in range(1, ny - 1):
        parpy.label("columns")
        for j in range(1, nx - 1):
            e, w, n, s = c[i, j + 1], c[i, j - 1], c[i + 1, j], c[i - 1, j]
            new[i, j] = advanced(c[i, j], u[i, j], v[i, j], e, w, n, s, dt, dx, dy, nu)
        e, w, n, s = c[i, 0], c[i, -2], c[i + 1, -1], c[i - 1, -1]
        new[i, -1] = advanced(c[i, -1], u[i, -1], v[i, -1], e, w, n, s, dt, dx, dy, nu)
        e, w, n, s = c[i, 1], c[i, -1], c[i + 1, 0], c[i - 1, 0]
        new[i, 0] = advanced(c[i, 0], u[i, 0], v[i, 0], e, w, n, s, dt, dx, dy, nu)


@parpy.jit
def source_everywhere(b, u, v, dt, dx, dy, rho):
    """The source of the pressure, at all points but those at the walls."""
    t = 1 / dt
    x = 1 / (2 * dx)
    y = 1 / (2 * dy)
    ny, nx = u.shape
    parpy.label("rows")
    for i in range(1, ny - 1):
        parpy.label("columns")
        for j in range(1, nx - 1):
            ue, uw, un, us = u[i, j + 1], u[i, j - 1], u[i + 1, j], u[i - 1, j]
            ve, vw, vn, vs = v[i, j + 1], v[i, j - 1], v[i + 1, j], v[i - 1, j]
            b[i, j] = source(ue, uw, un, us, ve, vw, vn, vs, t, x, y, rho)
        ue, uw, un, us = u[i, 0], u[i, -2], u[i + 1, -1], u[i - 1, -1]
        ve, vw, vn, vs = v[i, 0], v[i, -2], v[i + 1, -1], v[i - 1, -1]
        b[i, -1] = source(ue, uw, un, us, ve, vw, vn, vs, t, x, y, rho)
        ue, uw, un, us = u[i, 1], u[i, -1], u[i + 1, 0], u[i - 1, 0]
        ve, vw, vn, vs = v[i, 1], v[i, -1], v[i + 1, 0], v[i - 1, 0]
        b[i, 0] = source(ue, uw, un, us, ve, vw, vn, vs, t, x, y, rho)


@parpy.jit
def kernel(nit, u, v, p, dt, dx, dy, rho, nu, F, steps):
    ny, nx = u.shape
    un = np.empty((ny, nx), u.dtype)
    vn = np.empty((ny, nx), u.dtype)
    pn = np.empty((ny, nx), u.dtype)
    b = np.zeros((ny, nx), u.dtype)
    x = dt / (2 * rho * dx)
    y = dt / (2 * rho * dy)
    # How many steps it takes, the device finds out.
    with parpy.gpu:
        parpy.label("cells")
        total = parpy.operators.sum(u[:, :])
        growth = 1.0
        count = 0
        while growth > 0.001:
            parpy.label("rows")
            for i in range(ny):
                parpy.label("columns")
                un[i, :] = u[i, :]
                parpy.label("columns")
                vn[i, :] = v[i, :]
            source_everywhere(b, u, v, dt, dx, dy, rho)

            # Two steps forth and back; an odd last one is copied.
            for _ in range(nit // 2):
                relaxed(pn, p, b, dx, dy)
                relaxed(p, pn, b, dx, dy)
            if nit % 2 == 1:
                relaxed(pn, p, b, dx, dy)
                parpy.label("rows")
                parpy.label("columns")
                p[:, :] = pn[:, :]

            advance_all(u, un, un, vn, dt, dx, dy, nu)
            advance_all(v, vn, un, vn, dt, dx, dy, nu)
            parpy.label("rows")
            for i in range(1, ny - 1):
                parpy.label("columns")
                u[i, 1:-1] += F * dt - x * (p[i, 2:] - p[i, :-2])
                u[i, -1] += F * dt - x * (p[i, 0] - p[i, -2])
                u[i, 0] += F * dt - x * (p[i, 1] - p[i, -1])
                parpy.label("columns")
                v[i, :] -= y * (p[i + 1, :] - p[i - 1, :])
            parpy.label("columns")
            for j in range(nx):
                u[0, j] = 0.0
                u[-1, j] = 0.0
                v[0, j] = 0.0
                v[-1, j] = 0.0
            before = total
            parpy.label("cells")
            total = parpy.operators.sum(u[:, :])
            growth = (total - before) / total
            count += 1
        steps[0] = count


def schedule(ny: int, nx: int, nit: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(ny),
        "columns": parpy.threads(nx),
        "cells": parpy.threads(nx).reduce(),
    }
