"""Ledoit and Wolf's intensity against scikit-learn's."""

import jax
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage

from lead_jax.statistics._shrinkage import ledoit_wolf_intensity

intensity = jax.jit(ledoit_wolf_intensity)


def centred(n, d, scale=1.0):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) / np.sqrt(d)
  return scale * (x - x.mean(axis=0))


@pytest.mark.parametrize(("n", "d"), [(200, 12), (40, 64), (64, 64)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_intensity_is_scikit_learns(x64, n, d, scale):
  x = centred(n, d, scale).astype(np.float64 if x64 else np.float32)
  expected = ledoit_wolf_shrinkage(x.astype(np.float64), assume_centered=True)
  np.testing.assert_allclose(intensity(x), expected, rtol=1e-10 if x64 else 1e-4)


def test_samples_without_spread_are_shrunk_wholly(x64):
  assert float(intensity(np.zeros((5, 3)))) == 1


def test_more_samples_are_shrunk_less():
  x = centred(400, 12)
  assert float(intensity(x[:40])) > 2 * float(intensity(x))
