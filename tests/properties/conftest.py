"""Properties are judged by their answers, not by the speed of a busy machine."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run of `make test`: what fails, fails for everybody. `make simulate` searches anew.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")
