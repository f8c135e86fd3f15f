"""The cores of this process."""

import os

from lead_jax.system import cpu_count


def test_a_process_has_the_cores_that_it_may_use(monkeypatch):
  monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 3}, raising=False)
  assert cpu_count() == 2
  monkeypatch.delattr(os, "sched_getaffinity")
  monkeypatch.setattr(os, "cpu_count", lambda: None)
  assert cpu_count() == 1
