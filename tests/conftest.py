"""How properties are tested: the same examples on every run and every machine, and as long as they take."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "facts",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("facts")
