"""PARC against SciPy on NumPy's correlations; what it does where they are undefined."""

import jax
import numpy as np
import pytest
from scipy import stats

import lead_jax
from experiments.agreement.base import load_case
from lead_jax.metrics import Problem, _parc as parc, evaluate_metric
from lead_jax.statistics import pca

score = jax.jit(parc.parc, static_argnames="pca_dim")


def dissimilarities(x):
  x = np.asarray(x, np.float64)
  spread = x.std(axis=0)
  return 1 - np.corrcoef((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1))


def reference(x, y):
  above = np.triu_indices(len(y), 1)
  differ = (y[:, None] != y[None, :])[above]
  return 100 * stats.spearmanr(dissimilarities(x)[above], differ).statistic


def draw(x64, n=90, d=12, k=4, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  x = rng.standard_normal((k, d))[y] + rng.standard_normal((n, d))
  return x.astype(np.float64 if x64 else np.float32), y


@pytest.mark.parametrize(("n", "d"), [(90, 12), (20, 30), (250, 8)])
def test_is_scipys(x64, n, d):
  x, y = draw(x64, n, d)
  expected = reference(x, y)
  assert expected > 5
  np.testing.assert_allclose(score(x, y).score, expected, rtol=1e-9 if x64 else 1e-4)


def test_far_from_the_origin_in_float32():
  x, y = draw(False)
  x = 100 * x + 15_000
  np.testing.assert_allclose(score(x, y).score, reference(x, y), rtol=1e-4)


@pytest.mark.parametrize("case", ["wine_std", "lowdata"])
def test_public_value_is_ours_but_for_the_rounding_of_one_hot_labels(case):
  """It ranks correlations of one-hot labels that differ by 1e-16, as if they did."""
  case = load_case(case)
  with jax.enable_x64(True):
    ours = lead_jax.score("parc", case.x, case.y)
  assert ours == pytest.approx(reference(case.x, case.y), rel=1e-9)
  assert ours != pytest.approx(case.scores["parc_none"], rel=1e-5)
  assert ours == pytest.approx(case.scores["parc_none"], rel=0.01)
  labels = 1 - np.corrcoef(np.eye(case.y.max() + 1)[case.y])
  assert len(np.unique(labels)) > 2
  assert len(np.unique(labels.round(12))) == 2


def test_pca_first(x64):
  x, y = draw(x64)
  expected = reference(pca(x, dim=3).projected_np, y)
  np.testing.assert_allclose(
    score(x, y, pca_dim=3).score, expected, rtol=1e-9 if x64 else 1e-4
  )


def test_more_components_than_there_are():
  x, y = draw(False)
  value = evaluate_metric("parc", Problem(x, y), pca_dim=32)
  assert value.status == "pca_dim is 12, all that 90 x 12 features have"
  assert value.score == pytest.approx(
    evaluate_metric("parc", Problem(x, y), pca_dim=12).score
  )


def test_invariances(x64):
  x, y = draw(x64)
  expected = score(x, y).score
  rng = np.random.default_rng(1)
  order = rng.permutation(len(y))
  others = [
    (x[order], y[order]),
    (x, np.array([2, 0, 3, 1])[y]),
    (x * rng.uniform(0.1, 10, 12).astype(x.dtype), y),
    (x + rng.uniform(-5, 5, 12).astype(x.dtype), y),
    (1e-20 * x, y),
  ]
  for other in others:
    np.testing.assert_allclose(
      score(*other).score, expected, rtol=1e-9 if x64 else 1e-3
    )


def test_copies_of_samples_are_ties(x64):
  x, y = draw(x64, 40)
  x, y = np.concatenate([x, x[:20], x[:20]]), np.concatenate([y, y[:20], y[:20]])
  r = 1 - dissimilarities(x)
  r[r > 1 - 1e-9] = 1  # NumPy's rounding tells copies apart
  above = np.triu_indices(len(y), 1)
  r = r.round(12)
  expected = stats.spearmanr(1 - r[above], (y[:, None] != y[None, :])[above]).statistic
  np.testing.assert_allclose(
    score(x, y).score, 100 * expected, rtol=1e-9 if x64 else 1e-4
  )


def test_perfect_and_none():
  y = np.arange(60) % 3
  apart = np.eye(3, dtype=np.float32)[y]
  assert float(score(apart, y).score) == pytest.approx(100, abs=1e-3)
  noise = np.random.default_rng(0).standard_normal((60, 40)).astype(np.float32)
  assert abs(float(score(noise, y).score)) < 8


def test_two_features(x64):
  """All correlations are 1 or -1."""
  x, y = draw(x64, d=2)
  r = np.sign(np.subtract(*((x - x.mean(axis=0)) / x.std(axis=0)).T))
  above = np.triu_indices(len(y), 1)
  expected = stats.spearmanr(-np.outer(r, r)[above], (y[:, None] != y)[above]).statistic
  np.testing.assert_allclose(score(x, y).score, 100 * expected, rtol=1e-4)


def test_a_constant_sample_counts_as_uncorrelated():
  x, y = draw(False)
  x[7] = 0
  x -= x.mean(axis=0)
  value = evaluate_metric("parc", Problem(np.vstack([x, -x]), np.tile(y, 2)))
  # Sample 7 and its negative: x - mean is not zero, so that nothing is constant yet.
  assert value.status == "ok"
  x = np.vstack([draw(False)[0], -draw(False)[0]])
  x[[7, 97]] = 0  # now the mean is zero, and so are they
  value = evaluate_metric("parc", Problem(x, np.tile(y, 2)))
  assert value.status == "2 constant samples: their correlations count as 0"


def test_draws():
  x, y = draw(False, n=400)
  value = evaluate_metric("parc", Problem(x, y), samples=100, draws=4)
  assert value.spread.draws == "4 draws"
  assert 0 < value.spread.std < 5
  assert value.score == pytest.approx(np.mean(value.details["scores"]))
  assert value == evaluate_metric("parc", Problem(x, y), samples=100, draws=4)
  assert value != evaluate_metric("parc", Problem(x, y, seed=1), samples=100, draws=4)
  whole = evaluate_metric("parc", Problem(x, y), samples=None)
  assert whole.spread is None
  assert whole.score == pytest.approx(reference(x, y), rel=1e-4)
  assert value.score == pytest.approx(whole.score, abs=4)


@pytest.mark.parametrize(
  ("x", "y", "message"),
  [
    (np.ones((6, 3)), [0, 0, 0, 1, 1, 1], "equally alike"),
    (np.arange(6.0)[:, None], [0, 0, 0, 1, 1, 1], "at least 2, got 1"),
    (np.eye(4), [0, 1, 2, 3], "no two of the 4 samples are of one class"),
    (np.eye(2), [0, 1], "at least 3 samples, got 2"),
  ],
)
def test_what_has_no_value(x, y, message):
  with pytest.raises(ValueError, match=message):
    evaluate_metric("parc", Problem(x, y))


def test_thousand_classes():
  x, y = draw(False, n=2000, k=1000)
  value = evaluate_metric("parc", Problem(x, y), samples=1500, draws=1)
  assert np.isfinite(value.score)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"pca_dim": 1}, "pca_dim must be at least 2"),
    ({"samples": 3}, "samples must be at least 4"),
    ({"draws": 0}, "draws must be at least 1"),
  ],
)
def test_refuses_wrong_options(options, message):
  with pytest.raises(ValueError, match=message):
    parc.PARCOptions(**options)
