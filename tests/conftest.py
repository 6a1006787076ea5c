"""Settings shared by all tests: the same examples on every machine, no limit on their time."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "xyep",
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("xyep")

# A shell that puts a command in the background ignores these for it, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
