"""SFDA against the public way with generalised eigenvectors, and at its edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmark.metrics_peers_gaussian import peer_sfda
from lead_jax.metrics import Problem, _sfda as sfda, evaluate_metric
from tests.shapes import check_arrays

run = jax.jit(check_arrays(sfda.sfda), static_argnames=("num_classes", "variant"))


def blobs(n=120, d=10, k=4, scale=1.0, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.arange(n) % k)
  mixing = rng.standard_normal((d, d)) / np.sqrt(d)
  x = 5 + 0.5 * rng.standard_normal((k, d))[y] + rng.standard_normal((n, d)) @ mixing
  return scale * x, y


@pytest.mark.parametrize("scale", [0.2, 1.0, 30.0])
def test_is_the_public_way(x64, scale):
  x, y = blobs(scale=scale)
  dtype = np.float64 if x64 else np.float32
  x = x.astype(dtype)
  got = run(x, y, num_classes=4)
  expected = peer_sfda(x, y)
  assert 0.4 < expected < 0.95
  assert got.score.dtype == dtype
  np.testing.assert_allclose(got.score, expected, rtol=1e-9 if x64 else 1e-5)
  np.testing.assert_allclose(
    jnp.exp(got.log_error), 1 - expected, rtol=1e-9 if x64 else 1e-5
  )


def test_official_estimate_of_the_largest_eigenvalue_falls_short(x64):
  x, y = blobs(scale=0.5)
  dtype = np.float64 if x64 else np.float32
  within = sum(np.cov(x[y == c].T, bias=True) / 4 for c in range(4))
  v = within.sum(axis=1)
  for _ in range(6):
    v = within @ v
    norm = np.linalg.norm(v)
    v = v / norm
  official = run(x.astype(dtype), y, num_classes=4, variant="official")
  exact = run(x.astype(dtype), y, num_classes=4)
  largest = np.linalg.eigvalsh(within)[-1]
  assert norm < 0.9999 * largest
  rtol = 1e-9 if x64 else 1e-4
  np.testing.assert_allclose(official.shrinkage, np.exp(-5 * norm), rtol=rtol)
  np.testing.assert_allclose(exact.shrinkage, np.exp(-5 * largest), rtol=rtol)


def test_official_is_the_same_from_more_features_than_samples():
  # Copies of features rotate into the same few dimensions, the row sums do not.
  x, y = blobs(n=30, d=40, scale=0.4)
  with jax.enable_x64(True):
    got = run(x, y, num_classes=4, variant="official")
  within = sum(np.mean(y == c) * np.cov(x[y == c].T, bias=True) for c in range(4))
  v = within.sum(axis=1)
  for _ in range(6):
    v = within @ (v / np.linalg.norm(v))
  np.testing.assert_allclose(got.shrinkage, np.exp(-5 * np.linalg.norm(v)), rtol=1e-9)


@pytest.mark.parametrize("decay", [2, 3])
def test_float32_is_right_where_the_covariance_is_near_singular(decay):
  rng = np.random.default_rng(1)
  y = np.arange(400) % 10
  spectrum = 100 * np.arange(1, 61.0) ** -decay
  axes = np.linalg.qr(rng.standard_normal((60, 60)))[0]
  means = rng.standard_normal((10, 60)) * (rng.random(60) < 0.2)
  x = (rng.standard_normal((400, 60)) + means[y]) * spectrum @ axes
  x = x.astype(np.float32)
  single = run(x, y, num_classes=10)
  with jax.enable_x64(True):
    double = run(x.astype(np.float64), y, num_classes=10)
  assert float(single.shrinkage) == pytest.approx(1e-10)
  assert 0.2 < float(double.score) < 0.99
  # Observed: 1e-6 and 3e-4; the variances span 7 and 11 decades.
  assert abs(float(single.score) - float(double.score)) < 1e-3


def test_moving_rotating_and_relabelling_change_nothing(x64):
  x, y = blobs()
  dtype = np.float64 if x64 else np.float32
  base = float(run(x.astype(dtype), y, num_classes=4).score)
  axes = np.linalg.qr(np.random.default_rng(2).standard_normal((10, 10)))[0]
  order = np.random.default_rng(3).permutation(120)
  for other, labels in [
    (x + 100, y),
    (x @ axes, y),
    (x[order], y[order]),
    (x, np.array([2, 0, 3, 1])[y]),
  ]:
    got = float(run(other.astype(dtype), labels, num_classes=4).score)
    assert got == pytest.approx(base, rel=1e-9 if x64 else 1e-4)


def test_an_empty_class_takes_no_part(x64):
  x, y = blobs()
  x = x.astype(np.float64 if x64 else np.float32)
  gap = run(x, np.where(y == 3, 4, y), num_classes=5)
  np.testing.assert_allclose(
    gap.score, run(x, y, num_classes=4).score, rtol=1e-9 if x64 else 1e-5
  )


def test_saturation_is_said_and_the_error_still_tells_models_apart():
  x, y = blobs(n=30, d=40)
  one = evaluate_metric("sfda", Problem(x.astype(np.float32), y))
  other = evaluate_metric("sfda", Problem((0.3 * x).astype(np.float32), y))
  for value in (one, other):
    assert value.score == 1
    assert "saturated: every posterior is 1, N is small against D" in value.status
  assert one.details["log_error"] < other.details["log_error"] < -20


def test_a_singular_covariance_is_said():
  x, y = blobs(n=300, d=10, scale=4.0)
  x = np.concatenate([x, x[:, :1] + x[:, 1:2]], axis=1)
  value = evaluate_metric("sfda", Problem(x.astype(np.float32), y))
  assert "singular up to a shrinkage of 1e-10" in value.status
  # A constant feature is no such direction: all samples agree on it.
  x[:, 10] = 7
  assert evaluate_metric("sfda", Problem(x.astype(np.float32), y)).status == "ok"


@pytest.mark.parametrize(
  ("x", "y", "least", "most"),
  [
    (np.ones((8, 3)), np.arange(8) % 2, 0.5, 0.5),  # priors, nothing more
    (np.eye(2, 3)[np.arange(8) % 2], np.arange(8) % 2, 1, 1),  # no spread within
    (np.array([[0.0], [1.0]]), np.arange(2), 1, 1),  # N = 2, D = 1, classes of one
    (np.array([[0.0], [1.0], [0.1], [5.0]]), np.array([0, 0, 0, 1]), 0.9, 1),
  ],
)
def test_degenerate_features(x64, x, y, least, most):
  x = x.astype(np.float64 if x64 else np.float32)
  value = evaluate_metric("sfda", Problem(x, y))
  assert least - 1e-6 <= value.score <= most
  assert all(np.isfinite(v) for v in value.details.values())


def test_a_thousand_classes():
  rng = np.random.default_rng(0)
  y = np.arange(2000) % 1000
  x = 3 * rng.standard_normal((1000, 8))[y] + 0.1 * rng.standard_normal((2000, 8))
  value = evaluate_metric("sfda", Problem(x.astype(np.float32), y))
  assert value.score == pytest.approx(peer_sfda(x, y), rel=1e-3)


def test_refuses_wrong_arguments():
  with pytest.raises(ValueError, match=r"variant must be one of .*'slow'"):
    sfda.SFDAOptions(variant="slow")
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    sfda.sfda(jnp.ones((4, 2)), jnp.zeros(4, int), num_classes=1)
