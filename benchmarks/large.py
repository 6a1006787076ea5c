"""Large lattices."""

from sides import Side, column, spread
from tqdm import tqdm

#: Edge of a square lattice, shells, random skips.
LATTICES = ((300, 1, 100), (1000, 1, 0), (1000, 4, 0))
SWEEPS = 20


def large(quick, reference):
    """Square lattices of up to 10⁶ sites and 10⁷ couplings: built, relaxed, and differentiated.

    A process each time; one sample, float32, one thread, CPU time. "Relax" are 20 sweeps, with what
    a first call on a network makes: its couplings in the order of the kernels. "Gradient" are 20
    and 2 × 5 sweeps, with two images of the state. Memory is the peak of the process until then, of
    which Python and the package take about 170 MiB.
    """
    rows = []
    for size, shells, skips in tqdm(LATTICES[:1] if quick else LATTICES, desc="large"):
        found = []
        for _ in range(1 if quick else 3):
            with Side() as side:
                found.append(side("large", size=size, shells=shells, skips=skips, sweeps=SWEEPS))
        row = {
            "lattice": f"{size}×{size}, shells={shells}" + (f", {skips} skips" if skips else ""),
            "couplings": found[0]["couplings"],
        }
        for name in ("build", "relax", "gradient"):
            row |= {
                f"{name}, s": spread(column(found, name)),
                f"{name}, peak, MiB": round(column(found, f"{name}, peak").max()),
            }
        rows.append(row)
    return rows
