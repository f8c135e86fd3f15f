"""LogME against the evidence by its definition, and at its edges."""

import jax
import numpy as np
import pytest

import lead_jax
from lead_jax import metrics
from lead_jax.metrics._logme import logme

solve = jax.jit(logme, static_argnames=("num_classes", "variant"))


def reference(x, y, k, official=False):
  """Evidence from whole matrices: no spectrum, no centring, no rank-one correction."""
  x = x.astype(np.float64)
  n, d = x.shape
  # The unit of 1e-5 and of t = 1.
  size = 1.0 if official else 10 ** np.round(np.log10(np.sqrt(np.mean(x**2))))
  x = x / size
  gram = x.T @ x
  values = np.maximum(np.linalg.eigvalsh(gram), 0)
  found = []
  for c in range(k):
    target = (y == c).astype(np.float64)
    t = 1.0
    for _ in range(11):
      w = np.linalg.solve(gram + t * np.eye(d), x.T @ target)
      gamma = np.sum(values / (values + t))
      res2, m2 = np.sum((target - x @ w) ** 2), w @ w
      alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (res2 + 1e-5)
      before, t = t, alpha / beta
      if abs(t - before) / before <= 1e-3:
        break
    log_det = np.linalg.slogdet(alpha * np.eye(d) + beta * gram)[1]
    if official and d > n:
      log_det -= (d - n) * np.log(alpha)
    evidence = d * np.log(alpha) + n * np.log(beta) - log_det
    evidence -= beta * res2 + alpha * m2 + n * np.log(2 * np.pi)
    found.append((evidence / 2 / n, alpha * size**2, beta))
  evidence, alpha, beta = np.array(found).T
  return evidence, alpha, beta


def samples(n, d, k=4, shift=0.0, scale=1.0, seed=0):
  rng = np.random.default_rng(seed)
  y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
  spectrum = np.arange(1, d + 1) ** -0.5
  x = rng.standard_normal((k, d))[y] * spectrum + rng.standard_normal((n, d)) * spectrum
  return scale * (x + shift), y


@pytest.mark.parametrize(("n", "d"), [(120, 15), (30, 50)])
@pytest.mark.parametrize("shift", [0.0, 30.0])
@pytest.mark.parametrize("variant", ["corrected", "official"])
def test_evidence_is_that_of_whole_matrices(x64, n, d, shift, variant):
  x, y = samples(n, d, shift=shift)
  x = x.astype(np.float64 if x64 else np.float32)
  evidence, alpha, beta = reference(x, y, 4, variant == "official")
  got = solve(x, y, num_classes=4, variant=variant)
  assert got.score.dtype == x.dtype
  # float32: up to 3e-5 at a mean 30 times the spread, in alpha.
  tolerance = 1e-8 if x64 else 1e-4
  np.testing.assert_allclose(got.evidence_k, evidence, rtol=tolerance, atol=tolerance)
  np.testing.assert_allclose(got.alpha_k, alpha, rtol=tolerance)
  np.testing.assert_allclose(got.beta_k, beta, rtol=tolerance)
  np.testing.assert_allclose(got.score, evidence.mean(), rtol=tolerance)


@pytest.mark.parametrize(("n", "d"), [(120, 15), (30, 50)])
def test_the_unit_of_the_features_does_not_matter(x64, n, d):
  x, y = samples(n, d, shift=1.0)
  dtype = np.float64 if x64 else np.float32
  score = lambda scale: float(solve((scale * x).astype(dtype), y, num_classes=4).score)
  for scale in (1e-6, 1e-3, 1e3, 1e6):
    assert score(scale) == pytest.approx(score(1.0), rel=1e-9 if x64 else 1e-4), scale


def test_float32_survives_large_means_and_scales():
  for shift, scale in ((100.0, 1.0), (3.0, 1e3), (3.0, 1e-3)):
    x, y = samples(120, 15, shift=shift, scale=scale)
    x = x.astype(np.float32)
    got = solve(x, y, num_classes=4)
    np.testing.assert_allclose(
      got.score, reference(x, y, 4)[0].mean(), rtol=1e-4, atol=1e-5
    )


def test_float32_keeps_the_residual_of_almost_separable_classes():
  x, y = samples(120, 15)
  x[:, :4] += 30 * np.eye(4)[y]
  x = x.astype(np.float32)
  evidence, _, beta = reference(x, y, 4)
  assert beta.min() > 500
  got = solve(x, y, num_classes=4)
  np.testing.assert_allclose(got.beta_k, beta, rtol=1e-3)
  np.testing.assert_allclose(got.score, evidence.mean(), rtol=1e-4)


def test_float32_survives_a_direction_near_rounding():
  x, y = samples(120, 8)
  x[:, -1] = 4 + 1e-3 * x[:, -1]
  x = x.astype(np.float32)
  got = solve(x, y, num_classes=4)
  np.testing.assert_allclose(got.score, reference(x, y, 4)[0].mean(), rtol=1e-4)


def test_variants_differ_by_the_zero_eigenvalues(x64):
  x, y = samples(30, 50)
  corrected = solve(x, y, num_classes=4)
  official = solve(x, y, num_classes=4, variant="official")
  gap = np.mean(np.log(corrected.alpha_k)) * (50 - 30) / (2 * 30)
  np.testing.assert_allclose(
    official.score - corrected.score, gap, rtol=1e-8 if x64 else 1e-4
  )


def test_rotation_changes_nothing_and_translation_does(x64):
  x, y = samples(120, 15)
  turn = np.linalg.qr(np.random.default_rng(1).standard_normal((15, 15)))[0]
  before = float(solve(x, y, num_classes=4).score)
  tolerance = 1e-9 if x64 else 1e-5
  np.testing.assert_allclose(
    solve(x @ turn, y, num_classes=4).score, before, rtol=tolerance
  )
  assert abs(float(solve(x + 5, y, num_classes=4).score) - before) > 1e-3


def test_thousand_classes_and_empty_ones(x64):
  x, y = samples(1200, 15, k=1000)
  x = x.astype(np.float64 if x64 else np.float32)
  evidence, _, _ = reference(x, np.minimum(y, 40), 45)  # classes 41 to 44 are empty
  got = solve(x, np.minimum(y, 40), num_classes=45)
  np.testing.assert_allclose(got.evidence_k, evidence, rtol=1e-8 if x64 else 1e-4)
  assert np.isfinite(solve(x, y, num_classes=1000).score)


@pytest.mark.parametrize(
  "x",
  [np.zeros((12, 3)), np.ones((12, 3)), np.eye(12)[:, :1], np.ones((12, 20))],
  ids=["zero", "constant", "one feature", "constant, D > N"],
)
def test_features_that_say_nothing(x64, x):
  y = np.arange(12) % 3
  got = solve(x.astype(np.float64 if x64 else np.float32), y, num_classes=3)
  if x.any():
    expected = reference(x, y, 3)[0].mean()
  else:
    # Nothing to fit: noise alone, whose precision is that of the residual.
    beta = 12 / (4 + 1e-5)
    expected = (12 * np.log(beta) - beta * 4 - 12 * np.log(2 * np.pi)) / 24
  np.testing.assert_allclose(got.score, expected, rtol=1e-9 if x64 else 1e-4)


def test_an_open_fixed_point_is_a_status():
  rng = np.random.default_rng(0)
  x, y = rng.standard_normal((40, 60)) + 1, np.arange(40) % 4  # labels of no meaning
  value = metrics.evaluate_metric("logme", metrics.Problem(x, y))
  still = int(
    np.sum(~np.asarray(solve(x.astype(np.float32), y, num_classes=4).converged_k))
  )
  assert still > 0
  assert value.status == (
    f"stopped after 11 steps, short of the fixed point of {still} of 4 classes"
  )
  x, y = samples(120, 15)
  value = metrics.evaluate_metric("logme", metrics.Problem(x, y))
  assert value.status == "ok"
  assert len(value.details["alpha_k"]) == 4


def test_refuses_wrong_arguments():
  x, y = samples(20, 3)
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    logme(x, y, num_classes=1)
  with pytest.raises(ValueError, match=r"variant must be one of .*, got 'new'"):
    lead_jax.score("logme", x, y, variant="new")


@pytest.mark.parametrize("kind", ["points", "noisy points", "copies", "large"])
def test_float32_where_it_resolves_nothing(kind):
  """Residuals below float32's rounding are computed in float64."""
  rng = np.random.default_rng(0)
  y = np.arange(200) % 4
  x = {
    "points": np.eye(4, 16)[y],
    "noisy points": 50 * np.eye(4, 8)[y] + 1e-3 * rng.normal(size=(200, 8)),
    "copies": np.tile(rng.normal(size=(40, 64)), (5, 1)),
    "large": 1e10 * rng.normal(size=(200, 8)),
  }[kind].astype(np.float32)
  got = lead_jax.score("logme", x, y)
  with jax.enable_x64(True):
    expected = lead_jax.score("logme", x.astype(np.float64), y)
  assert got == pytest.approx(expected, rel=1e-5)
