"""The one place of the version number; the build reads it from here."""

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

__version__ = "0.2.0"
