"""Colours of phases, as the lattice in a browser has them (``xyep/static/explore.js``)."""

import numpy as np

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True


def phase_colour(phi: float) -> str:
    """Teal where sin φ < 0 (class 0), gold where sin φ > 0 (class 1); cos φ is the lightness.

    >>> [phase_colour(phi) for phi in (-np.pi / 2, 0.0, np.pi / 2)]
    ['#5bbcc4', '#d4d4d4', '#d5a13a']
    """
    s, lightness = np.sin(phi), 0.74 + 0.13 * np.cos(phi)
    a, b = (0.02 * s, 0.13 * s) if s > 0 else (0.085 * s, 0.035 * s)
    # Oklab to linear sRGB, see Ottosson (2020), then its curve
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.clip(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ],
        0.0,
        1.0,
    )
    curved = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in curved)
