"""The softmax of the host, against SciPy's in float64."""

import numpy as np
import pytest
from scipy import special

from lead_jax import statistics


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_equals_scipy(dtype, size):
  z = (size * np.random.default_rng(0).normal(size=(7, 5))).astype(dtype)
  found = statistics.softmax(z)
  assert found.dtype == np.float64
  # float32 logits are rounded once more, when the largest is taken away.
  tolerance = 1e-12 if dtype == np.float64 else 1e-3 if size > 1 else 1e-6
  expected = special.softmax(z.astype(np.float64), axis=1)
  np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
  np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_one_class_and_a_shift():
  z = np.array([[3.0], [-1e300]])
  np.testing.assert_array_equal(statistics.softmax(z), [[1.0], [1.0]])
  z = np.array([[0.0, 1.0, 2.0]])
  np.testing.assert_array_equal(statistics.softmax(z), statistics.softmax(z + 1024))
