"""Settings shared by all tests: the same examples on every machine, and no limit on the time of a single one."""

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
