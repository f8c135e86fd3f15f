"""Wall time and peak memory of the stages of a run, and what machine it ran on."""

import contextlib
import datetime
import importlib.metadata
import platform
import sys
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "neural-tangents", "onnx")


def reset_peak() -> bool:
  """Restarts the kernel's record of peak resident memory; False where it cannot."""
  try:
    with open("/proc/self/clear_refs", "w") as file:
      file.write("5")
  except OSError:
    return False
  return True


def peak_mib() -> float:
  """Returns the peak resident memory since the last reset (or since the start), MiB.

  0 where the system does not say it (Windows).
  """
  try:
    with open("/proc/self/status") as file:
      for line in file:
        if line.startswith("VmHWM:"):
          return int(line.split()[1]) / 1024
  except OSError:
    pass
  try:
    import resource
  except ImportError:
    return 0.0
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak / 2**20 if sys.platform == "darwin" else peak / 1024


class Stages:
  """Accumulates seconds and the largest peak memory by stage.

  Where the system cannot restart its record of the peak, a stage's figure is the
  process's peak so far: an upper bound.
  """

  def __init__(self):
    self.seconds: dict[str, float] = {}
    self.peak_memory_mib: dict[str, float] = {}

  @contextlib.contextmanager
  def stage(self, name: str) -> Iterator[None]:
    """Measures what is done inside; also when it fails."""
    reset_peak()
    started = time.perf_counter()
    try:
      yield
    finally:
      self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
      self.peak_memory_mib[name] = max(
        self.peak_memory_mib.get(name, 0.0), round(peak_mib(), 1)
      )


def environment() -> dict[str, Any]:
  """Returns versions, devices and the time, for a report."""
  from lead_jax.version import __version__

  versions = {"lead_jax": __version__, "python": platform.python_version()}
  for package in _PACKAGES:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
      versions[package] = importlib.metadata.version(package)
  devices = jax.local_devices()
  return {
    "versions": versions,
    "platform": platform.platform(),
    "device": f"{len(devices)} x {devices[0].device_kind}",
    "x64": jnp.result_type(float) == jnp.float64,
    "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
  }
