"""Flow of a viscous fluid in a square cavity whose lid moves, by finite differences.

Each time step forms the source of the pressure's Poisson equation, relaxes the pressure, and
advances both velocities. Source: Barba and Forsyth, "CFD Python: the 12 steps to Navier-Stokes
equations" (JOSE, 2018), step 11; NPBench, physics.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"ny": 9, "nx": 12, "nt": 3, "nit": 5},
    "S": {"ny": 61, "nx": 61, "nt": 25, "nit": 5},
    "M": {"ny": 121, "nx": 121, "nt": 50, "nit": 10},
    "L": {"ny": 201, "nx": 201, "nt": 100, "nit": 20},
    "paper": {"ny": 101, "nx": 101, "nt": 700, "nit": 50},
}
OUTPUTS = ("u", "v", "p")


def initialize(ny: int, nx: int, nt: int, nit: int) -> dict[str, Any]:
    return {
        "nt": nt,
        "nit": nit,
        "u": np.zeros((ny, nx)),
        "v": np.zeros((ny, nx)),
        "p": np.zeros((ny, nx)),
        "dt": 0.1 / ((nx - 1) * (ny - 1)),
        "dx": 2 / (nx - 1),
        "dy": 2 / (ny - 1),
        "rho": 1.0,
        "nu": 0.1,
    }


def source_of_pressure(b, u, v, dt, dx, dy, rho):
    du_dx = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)
    dv_dy = (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)
    du_dy = (u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy)
    dv_dx = (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx)
    b[1:-1, 1:-1] = rho * (1 / dt * (du_dx + dv_dy) - du_dx**2 - 2 * (du_dy * dv_dx) - dv_dy**2)


def relax_pressure(nit, p, b, dx, dy):
    pn = np.empty_like(p)
    for _ in range(nit):
        pn[:] = p
        p[1:-1, 1:-1] = (
            (pn[1:-1, 2:] + pn[1:-1, :-2]) * dy**2 + (pn[2:, 1:-1] + pn[:-2, 1:-1]) * dx**2
        ) / (2 * (dx**2 + dy**2)) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[:, -1] = p[:, -2]
        p[0, :] = p[1, :]
        p[:, 0] = p[:, 1]
        p[-1, :] = 0


def reference(nt, nit, u, v, p, dt, dx, dy, rho, nu):
    b = np.zeros_like(u)
    for _ in range(nt):
        un = u.copy()
        vn = v.copy()
        source_of_pressure(b, u, v, dt, dx, dy, rho)
        relax_pressure(nit, p, b, dx, dy)
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
            + nu
            * (
                dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, :-2])
                + dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[:-2, 1:-1])
            )
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[:-2, 1:-1])
            + nu
            * (
                dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, :-2])
                + dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[:-2, 1:-1])
            )
        )
        u[0, :] = 0
        u[:, 0] = 0
        u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = 0
        v[-1, :] = 0
        v[:, 0] = 0
        v[:, -1] = 0


@parpy.jit
def relaxed(new, p, b, dx, dy):
    """One Jacobi step from `p` to `new`, borders included."""
    x_part = dx * dx / (2 * (dx * dx + dy * dy))
    y_part = dy * dy / (2 * (dx * dx + dy * dy))
    ny, nx = p.shape
    parpy.label("rows")
    for i in range(1, ny - 1):
        parpy.label("columns")
        new[i, 1:-1] = (
            y_part * (p[i, 2:] + p[i, :-2])
            + x_part * (p[i + 1, 1:-1] + p[i - 1, 1:-1])
            - x_part * dy * dy * b[i, 1:-1]
        )
        new[i, 0] = new[i, 1]
        new[i, nx - 1] = new[i, nx - 2]
        if i == 1:
            parpy.label("columns")
            new[0, :] = new[1, :]
        if i == ny - 2:
            parpy.label("columns")
            new[ny - 1, :] = 0.0


@parpy.jit
def advanced(new, w, u, v, dt, dx, dy, nu):
    """Advection and diffusion of one velocity `w`, from the old values of both."""
    parpy.label("rows")
    for i in range(1, w.shape[0] - 1):
        parpy.label("columns")
        new[i, 1:-1] = (
            w[i, 1:-1]
            - u[i, 1:-1] * (dt / dx) * (w[i, 1:-1] - w[i, :-2])
            - v[i, 1:-1] * (dt / dy) * (w[i, 1:-1] - w[i - 1, 1:-1])
            + nu
            * (
                dt / (dx * dx) * (w[i, 2:] - 2 * w[i, 1:-1] + w[i, :-2])
                + dt / (dy * dy) * (w[i + 1, 1:-1] - 2 * w[i, 1:-1] + w[i - 1, 1:-1])
            )
        )


@parpy.jit
def kernel(nt, nit, u, v, p, dt, dx, dy, rho, nu):
    ny, nx = u.shape
    un = np.empty((ny, nx), u.dtype)
    vn = np.empty((ny, nx), u.dtype)
    pn = np.empty((ny, nx), u.dtype)
    b = np.zeros((ny, nx), u.dtype)
    per_dt = 1 / dt
    per_2dx = 1 / (2 * dx)
    per_2dy = 1 / (2 * dy)
    for _ in range(nt):
        parpy.label("rows")
        for i in range(ny):
            parpy.label("columns")
            un[i, :] = u[i, :]
            parpy.label("columns")
            vn[i, :] = v[i, :]

        parpy.label("rows")
        for i in range(1, ny - 1):
            parpy.label("columns")
            for j in range(1, nx - 1):
                du_dx = (u[i, j + 1] - u[i, j - 1]) * per_2dx
                dv_dy = (v[i + 1, j] - v[i - 1, j]) * per_2dy
                du_dy = (u[i + 1, j] - u[i - 1, j]) * per_2dy
                dv_dx = (v[i, j + 1] - v[i, j - 1]) * per_2dx
                b[i, j] = rho * (
                    per_dt * (du_dx + dv_dy) - du_dx**2 - 2 * (du_dy * dv_dx) - dv_dy**2
                )

        # Two steps forth and back; an odd last one is copied.
        for _ in range(nit // 2):
            relaxed(pn, p, b, dx, dy)
            relaxed(p, pn, b, dx, dy)
        if nit % 2 == 1:
            relaxed(pn, p, b, dx, dy)
            parpy.label("rows")
            parpy.label("columns")
            p[:, :] = pn[:, :]

        advanced(u, un, un, vn, dt, dx, dy, nu)
        advanced(v, vn, un, vn, dt, dx, dy, nu)
        parpy.label("rows")
        for i in range(1, ny - 1):
            parpy.label("columns")
            u[i, 1:-1] -= dt / (2 * rho * dx) * (p[i, 2:] - p[i, :-2])
            parpy.label("columns")
            v[i, 1:-1] -= dt / (2 * rho * dy) * (p[i + 1, 1:-1] - p[i - 1, 1:-1])
            u[i, 0] = 0.0
            u[i, -1] = 0.0
            v[i, 0] = 0.0
            v[i, -1] = 0.0
        parpy.label("columns")
        for j in range(nx):
            u[0, j] = 0.0
            u[-1, j] = 1.0
            v[0, j] = 0.0
            v[-1, j] = 0.0


def schedule(ny: int, nx: int, nt: int, nit: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(ny), "columns": parpy.threads(nx)}
