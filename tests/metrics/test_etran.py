"""ETran's parts against SciPy and scikit-learn, its pool by hand, and its edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import lead_jax
from lead_jax.metrics import METRICS, Problem, _etran as etran, evaluate_metric

run_lda = jax.jit(etran.etran_lda, static_argnames=("num_classes", "variant"))
run_energy = jax.jit(etran.etran_energy, static_argnames=("percent",))


def blobs(n=200, d=8, k=4, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.arange(n) % k)
  mixing = rng.standard_normal((d, d))
  return 3 + 0.5 * rng.standard_normal((k, d))[y] + rng.standard_normal(
    (n, d)
  ) @ mixing, y


def test_paper_whitens_as_scikit_learns_lda(x64):
  x, y = blobs()
  model = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
  expected = model.predict_proba(x)[np.arange(200), y].mean()
  got = run_lda(x.astype(np.float64 if x64 else np.float32), y, num_classes=4)
  assert 0.3 < expected < 0.9
  np.testing.assert_allclose(got.score, expected, rtol=1e-8 if x64 else 1e-5)
  assert not got.singular


def test_official_does_not_whiten(x64):
  x, y = blobs()
  means = np.stack([x[y == c].mean(0) for c in range(4)])
  log = x @ means.T - 0.5 * (means**2).sum(1) + np.log(np.bincount(y) / 200)
  expected = np.exp(log - logsumexp(log, axis=1, keepdims=True))[np.arange(200), y]
  x = x.astype(np.float64 if x64 else np.float32)
  got = run_lda(x, y, num_classes=4, variant="official").score
  np.testing.assert_allclose(got, expected.mean(), rtol=1e-10 if x64 else 1e-5)
  assert abs(float(got) - float(run_lda(x, y, num_classes=4).score)) > 0.01


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_discriminants_do_not_mind_moves_and_names(x64, variant):
  x, y = blobs()
  dtype = np.float64 if x64 else np.float32
  axes = np.linalg.qr(np.random.default_rng(2).standard_normal((8, 8)))[0]
  base = float(run_lda(x.astype(dtype), y, num_classes=4, variant=variant).score)
  for other, labels in [
    (x + 50, y),
    (x @ axes, y),
    (x[::-1], y[::-1]),
    (x, np.array([2, 0, 3, 1])[y]),
    (np.concatenate([x, x]), np.concatenate([y, y])),
  ]:
    got = run_lda(other.astype(dtype), labels, num_classes=4, variant=variant).score
    assert float(got) == pytest.approx(base, rel=1e-9 if x64 else 1e-4)
  scaled = run_lda(9 * x.astype(dtype), y, num_classes=4, variant=variant).score
  assert (float(scaled) == pytest.approx(base, rel=1e-4)) == (variant == "paper")


@pytest.mark.parametrize("percent", [0.5, 10, 100])
@pytest.mark.parametrize("n", [40, 1000])
def test_energy_is_of_the_lowest(x64, percent, n):
  x = np.random.default_rng(0).standard_normal((n, 6)) * 30
  kept = max(1, int(n * percent / 100))
  expected = np.sort(logsumexp(x, axis=1))[:kept].mean()
  got = run_energy(x.astype(np.float64 if x64 else np.float32), percent=percent)
  np.testing.assert_allclose(got, expected, rtol=1e-10 if x64 else 1e-5)


def test_energy_moves_with_the_features(x64):
  x = np.random.default_rng(0).standard_normal((40, 6))
  x = x.astype(np.float64 if x64 else np.float32)
  np.testing.assert_allclose(run_energy(x + 10), run_energy(x) + 10, rtol=1e-6)


def test_forty_samples_have_an_energy_where_the_public_code_has_nan():
  x, y = blobs(n=40)
  value = evaluate_metric("etran_energy", Problem(x, y))
  assert value.score == pytest.approx(float(logsumexp(x, axis=1).min()), rel=1e-5)
  assert value.status == "0.5 % of 40 samples is less than one: the lowest alone counts"
  assert np.isfinite(evaluate_metric("etran", Problem(x, y)).score)


def test_a_model_alone_gets_its_parts_mixed():
  x, y = blobs()
  value = evaluate_metric("etran", Problem(x, y), variant="official", percent=10)
  lda = lead_jax.score("etran_lda", x, y, variant="official")
  energy = lead_jax.score("etran_energy", x, y, percent=10)
  assert value.parts == {"lda": lda, "energy": energy}
  assert value.score == pytest.approx(0.85 * lda + 0.15 * energy)
  assert etran.pool_etran([value.parts]) == [pytest.approx(value.score)]


def test_a_pool_is_scaled_part_by_part():
  parts = [
    {"lda": 0.5, "energy": 9.0},
    {"lda": 0.9, "energy": 5.0},
    {"lda": 0.6, "energy": 7.0},
  ]
  expected = [0.15, 0.85, 0.85 * 0.25 + 0.15 * 0.5]
  np.testing.assert_allclose(etran.pool_etran(parts), expected)
  for part in parts:
    part["energy"] = 5.0
  np.testing.assert_allclose(etran.pool_etran(parts), [0, 0.85, 0.85 * 0.25])


def test_a_range_near_rounding_is_a_tie():
  parts = [
    {"lda": 1 - 4e-10, "energy": 9.0},
    {"lda": 1.0, "energy": 5.0},
    {"lda": 1 - 2e-10, "energy": 7.0},
  ]
  np.testing.assert_allclose(etran.pool_etran(parts), [0.15, 0, 0.075])
  assert METRICS["etran"].pool_note(parts) == (
    "lda tied for all models, within 1e-05: not counted"
  )
  assert METRICS["etran"].pool_note(parts[:1]) == ""
  parts[0]["lda"] = 0.9
  assert METRICS["etran"].pool_note(parts) == ""


def test_singular_and_saturated_are_said():
  x, y = blobs(n=12, d=20)
  value = evaluate_metric("etran_lda", Problem(x, y))
  assert value.score == 1
  assert value.status == (
    "the within-class covariance is singular; saturated: every posterior is 1; "
    "N/D is 0.6, below 1"
  )


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_constant_features_leave_the_priors(x64, variant):
  x = np.ones((8, 3), np.float64 if x64 else np.float32)
  y = np.array([0, 0, 0, 0, 0, 0, 1, 1])
  got = evaluate_metric("etran_lda", Problem(x, y), variant=variant).score
  assert got == pytest.approx(0.75**2 + 0.25**2, rel=1e-5)


def test_an_empty_class_takes_no_part():
  x, y = blobs()
  x = x.astype(np.float32)
  for variant in ("paper", "official"):
    gap = run_lda(x, np.where(y == 3, 4, y), num_classes=5, variant=variant).score
    whole = run_lda(x, y, num_classes=4, variant=variant).score
    np.testing.assert_allclose(gap, whole, rtol=1e-5)


def test_refuses_wrong_arguments():
  with pytest.raises(ValueError, match=r"variant must be one of .*'slow'"):
    etran.ETranOptions(variant="slow")
  for percent in (0, 101, float("nan")):
    with pytest.raises(ValueError, match=r"percent must be in \(0, 100\]"):
      etran.ETranOptions(percent=percent)
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    etran.etran_lda(jnp.ones((4, 2)), jnp.zeros(4, int), num_classes=1)
