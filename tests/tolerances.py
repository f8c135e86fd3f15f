"""The one table of tolerances, by dtype. Relative to the largest reference value."""

import numpy as np

KERNEL = {np.dtype("float32"): 1e-5, np.dtype("float64"): 1e-10}
ORACLE = {np.dtype("float32"): 1e-5, np.dtype("float64"): 1e-9}
SUM = {np.dtype("float32"): 2e-5, np.dtype("float64"): 1e-12}


def assert_close(ours, reference, table):
  """Asserts max |ours - reference| <= tolerance x max |reference|."""
  ours, reference = np.asarray(ours), np.asarray(reference)
  assert ours.shape == reference.shape, (ours.shape, reference.shape)
  tolerance = table[ours.dtype]
  scale = np.max(np.abs(reference))
  error = np.max(np.abs(ours.astype(np.float64) - reference)) / scale
  assert error <= tolerance, f"relative error {error:.3g} > {tolerance:g}"
