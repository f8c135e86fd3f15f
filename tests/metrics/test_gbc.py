"""GBC against the formula pair by pair, and at its edges."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from lead_jax.metrics import Problem, _gbc as gbc, evaluate_metric

run = jax.jit(
  gbc.gbc_log_overlap, static_argnames=("num_classes", "pca_dim", "gaussian", "variant")
)


def reference(x, y, *, pca_dim, gaussian, variant):
  """Minus the overlap, with covariance matrices."""
  x = x.astype(np.float64)
  if pca_dim is not None:
    x = PCA(pca_dim, svd_solver="full").fit_transform(x)
  total = 0.0
  stats = {}
  for c in np.unique(y):
    variance = np.maximum(x[y == c].var(axis=0), 1e-4)
    if gaussian == "spherical":
      variance = np.full_like(variance, variance.mean())
    stats[c] = x[y == c].mean(axis=0), np.diag(variance)
  for (mean_i, cov_i), (mean_j, cov_j) in itertools.permutations(stats.values(), 2):
    both = (cov_i + cov_j) / 2
    delta = mean_i - mean_j
    log = np.linalg.slogdet(both)[1]
    log -= 0.5 * (np.linalg.slogdet(cov_i)[1] + np.linalg.slogdet(cov_j)[1])
    if variant == "official" and gaussian == "spherical":
      log /= x.shape[1]
    total += np.exp(-delta @ np.linalg.solve(both, delta) / 8 - log / 2)
  return -total


def blobs(n=150, d=9, k=4, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.arange(n) % k)
  spread = rng.uniform(0.5, 2, (k, d))[y]
  return 5 + rng.standard_normal((k, d))[y] + spread * rng.standard_normal((n, d)), y


@pytest.mark.parametrize("pca_dim", [None, 5])
@pytest.mark.parametrize("gaussian", ["spherical", "diagonal"])
@pytest.mark.parametrize("variant", ["corrected", "official"])
def test_is_the_formula(x64, pca_dim, gaussian, variant):
  x, y = blobs()
  options = {"pca_dim": pca_dim, "gaussian": gaussian, "variant": variant}
  x = x.astype(np.float64 if x64 else np.float32)
  got = -np.exp(run(x, y, num_classes=4, **options))
  np.testing.assert_allclose(
    got, reference(x, y, **options), rtol=1e-9 if x64 else 1e-4
  )


def test_official_and_corrected_differ_for_spheres_alone(x64):
  x, y = blobs()
  x = x.astype(np.float64 if x64 else np.float32)

  def log(**options):
    return float(run(x, y, num_classes=4, pca_dim=5, **options))

  assert log(variant="official") > log() + 1e-3
  assert log(gaussian="diagonal", variant="official") == log(gaussian="diagonal")


def test_tiny_overlaps_are_kept_in_logarithms():
  x, y = blobs()
  x = x + 60 * np.eye(4, 9)[y]
  with jax.enable_x64(True):
    exact = float(run(x, y, num_classes=4, pca_dim=None))
  value = evaluate_metric("gbc", Problem(x.astype(np.float32), y))
  assert value.details["log_overlap"] == pytest.approx(exact, rel=1e-5)
  assert exact < -300
  assert -1e-100 < value.score < 0
  far = evaluate_metric("gbc", Problem((100 * x).astype(np.float32) + 1, y))
  assert far.details["log_overlap"] < -300


def test_underflow_is_said():
  x = np.array([[0.0], [0.01], [9.0], [9.01]], np.float32)
  value = evaluate_metric("gbc", Problem(x, np.array([0, 0, 1, 1])))
  assert value.score == 0
  assert "no overlap in double precision: compare log_overlap" in value.status
  # Variances at their floor, 1e-4: B = 81 / 8e-4.
  assert value.details["log_overlap"] == pytest.approx(np.log(2) - 81 / 8e-4, rel=1e-5)


def test_moving_rotating_permuting_and_copying_change_nothing(x64):
  x, y = blobs()
  dtype = np.float64 if x64 else np.float32
  base = float(run(x.astype(dtype), y, num_classes=4, pca_dim=5))
  axes = np.linalg.qr(np.random.default_rng(2).standard_normal((9, 9)))[0]
  order = np.random.default_rng(3).permutation(150)
  for other, labels in [
    (x + 100, y),
    (x @ axes, y),
    (x[order], y[order]),
    (x, np.array([2, 0, 3, 1])[y]),
    (7 * x, y),
    (np.concatenate([x, x]), np.concatenate([y, y])),
  ]:
    got = float(run(other.astype(dtype), labels, num_classes=4, pca_dim=5))
    assert got == pytest.approx(base, rel=1e-8 if x64 else 1e-3)


def test_fewer_components_than_asked_for_is_said():
  x, y = blobs(n=12)
  value = evaluate_metric("gbc", Problem(x.astype(np.float32), y))
  assert value.status == "9 principal components in place of 64: N=12, D=9"
  assert value.details["pca_dim"] == 9
  whole = evaluate_metric("gbc", Problem(x.astype(np.float32), y), pca_dim=None)
  assert whole.status == "ok"
  # All components are a rotation: spheres do not notice.
  assert whole.score == pytest.approx(value.score, rel=1e-4)


@pytest.mark.parametrize(
  ("x", "y", "score"),
  [
    (
      np.ones((8, 3)),
      np.arange(8) % 2,
      -2,
    ),  # equal Gaussians: each pair overlaps fully
    (np.ones((9, 3)), np.arange(9) % 3, -6),
    (np.array([[0.0], [0.02]]), np.arange(2), -2 * np.exp(-4e-4 / 8e-4)),
  ],
)
def test_degenerate_features(x64, x, y, score):
  x = x.astype(np.float64 if x64 else np.float32)
  assert evaluate_metric("gbc", Problem(x, y)).score == pytest.approx(score, rel=1e-5)


def test_an_empty_class_overlaps_with_nothing(x64):
  x, y = blobs()
  x = x.astype(np.float64 if x64 else np.float32)
  np.testing.assert_allclose(
    run(x, np.where(y == 3, 4, y), num_classes=5, pca_dim=5),
    run(x, y, num_classes=4, pca_dim=5),
    rtol=1e-5,
  )


def test_a_thousand_classes():
  rng = np.random.default_rng(0)
  y = np.arange(2000) % 1000
  x = 3 * rng.standard_normal((1000, 4))[y] + rng.standard_normal((2000, 4))
  options = {"pca_dim": None, "gaussian": "diagonal", "variant": "corrected"}
  got = evaluate_metric("gbc", Problem(x.astype(np.float32), y), **options)
  rows = x.reshape(2, 1000, 4)
  mean, variance = rows.mean(axis=0), np.maximum(rows.var(axis=0), 1e-4)
  both = (variance[:, None] + variance[None]) / 2
  apart = ((mean[:, None] - mean[None]) ** 2 / both).sum(2) / 8
  logs = np.log(variance).sum(1)
  apart += 0.5 * (np.log(both).sum(2) - 0.5 * (logs[:, None] + logs[None]))
  assert got.score == pytest.approx(1000 - np.exp(-apart).sum(), rel=1e-4)


@pytest.mark.parametrize(
  ("name", "value"), [("pca_dim", 0), ("gaussian", "full"), ("variant", "old")]
)
def test_refuses_wrong_options(name, value):
  with pytest.raises(ValueError, match=f"{name} must be .*{value}"):
    gbc.GBCOptions(**{name: value})


def test_refuses_one_class():
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    gbc.gbc_log_overlap(jnp.ones((4, 2)), jnp.zeros(4, int), num_classes=1)


def test_the_floor_of_the_variances_is_said():
  rng = np.random.default_rng(0)
  y = np.arange(60) % 3
  x = rng.standard_normal((3, 4))[y] + rng.standard_normal((60, 4))
  assert evaluate_metric("gbc", Problem(x, y), pca_dim=None).status == "ok"
  value = evaluate_metric("gbc", Problem(1e-3 * x, y), pca_dim=None)
  assert "below the floor of 0.0001: the score depends" in value.status
