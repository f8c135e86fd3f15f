"""The cross-validated probe against scikit-learn's LogisticRegression."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lead_jax.metrics._linear_probe import linear_probe, stratified_folds

probe = jax.jit(
  linear_probe, static_argnames=("num_classes", "folds", "l2", "max_iter")
)
divided = jax.jit(stratified_folds, static_argnames=("num_classes", "folds"))


def blobs(n, d, k, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  x = 0.7 * rng.standard_normal((k, d))[y] + rng.standard_normal((n, d))
  return x * rng.uniform(0.1, 10, d) + 3, y


def reference(x, y, fold_n, folds, l2):
  accuracies, likelihoods = [], []
  for fold in range(folds):
    train, test = fold_n != fold, fold_n == fold
    mean, std = x[train].mean(0), x[train].std(0)
    z = (x - mean) / np.where(std > 0, std, 1)
    model = LogisticRegression(C=1 / l2, tol=1e-8, max_iter=5000)
    model.fit(z[train], y[train])
    log_p = model.predict_log_proba(z[test])
    accuracies.append(model.score(z[test], y[test]))
    likelihoods.append(log_p[np.arange(test.sum()), y[test]].mean())
  return np.array(accuracies), np.array(likelihoods)


@pytest.mark.parametrize(("n", "d", "k"), [(200, 8, 4), (60, 100, 3)])
@pytest.mark.parametrize("l2", [1.0, 0.01])
def test_folds_are_scikit_learns(x64, n, d, k, l2):
  x, y = blobs(n, d, k)
  key = jax.random.key(3)
  fold_n, actual = divided(y, num_classes=k, key=key)
  accuracies, likelihoods = reference(x, y, np.asarray(fold_n), int(actual), l2)
  dtype = np.float64 if x64 else np.float32
  result = probe(x.astype(dtype), y, num_classes=k, key=key, l2=l2)
  assert bool(result.converged)
  np.testing.assert_allclose(result.fold_accuracy, accuracies, rtol=1e-6)
  np.testing.assert_allclose(result.fold_log_likelihood, likelihoods, atol=1e-3)
  np.testing.assert_allclose(result.accuracy, accuracies.mean(), rtol=1e-6)
  np.testing.assert_allclose(result.log_likelihood, likelihoods.mean(), atol=1e-3)
  np.testing.assert_allclose(result.accuracy_std, accuracies.std(), atol=1e-6)


def test_real_features(shared):
  case = np.load(shared / "oracles" / "real_flowers_mcunet.npz", allow_pickle=False)
  x, y = case["X"], case["y"]
  key = jax.random.key(0)
  fold_n, _ = divided(y, num_classes=5, key=key)
  accuracies, likelihoods = reference(x.astype(float), y, np.asarray(fold_n), 5, 1.0)
  result = probe(x, y, num_classes=5, key=key)
  assert bool(result.converged)
  np.testing.assert_allclose(result.fold_accuracy, accuracies, atol=1e-6)
  np.testing.assert_allclose(result.fold_log_likelihood, likelihoods, atol=1e-3)


def test_folds_are_stratified_equal_and_repeatable():
  y = np.repeat([0, 1, 2], [23, 11, 40])
  key = jax.random.key(1)
  fold_n, actual = divided(y, num_classes=4, key=key)
  assert int(actual) == 5
  table = np.zeros((5, 3), int)
  np.add.at(table, (np.asarray(fold_n), y), 1)
  assert np.all(table.max(0) - table.min(0) <= 1)
  assert np.ptp(table.sum(1)) <= 1
  again, _ = divided(y, num_classes=4, key=key)
  other, _ = divided(y, num_classes=4, key=jax.random.key(2))
  np.testing.assert_array_equal(again, fold_n)
  assert np.any(np.asarray(other) != np.asarray(fold_n))


@pytest.mark.parametrize(("size", "expected"), [(1, 2), (2, 2), (3, 3), (9, 5)])
def test_small_classes_make_fewer_folds(size, expected):
  y = np.repeat([0, 1], [39 - size, size])
  x, _ = blobs(len(y), 5, 2)
  result = probe(x.astype(np.float32), y, num_classes=2, key=jax.random.key(0))
  assert int(result.folds) == expected
  assert np.isfinite(result.accuracy)
  assert np.isfinite(result.log_likelihood)
  assert np.isnan(np.asarray(result.fold_accuracy)).sum() == 5 - expected


def test_scale_and_constant_features_change_nothing(x64):
  x, y = blobs(100, 6, 3)
  dtype = np.float64 if x64 else np.float32
  key = jax.random.key(0)
  plain = probe(x.astype(dtype), y, num_classes=3, key=key)
  wide = np.concatenate([1e4 * x, np.full((100, 2), 7.3)], axis=1).astype(dtype)
  got = probe(wide, y, num_classes=3, key=key)
  np.testing.assert_allclose(got.fold_accuracy, plain.fold_accuracy)
  np.testing.assert_allclose(got.log_likelihood, plain.log_likelihood, atol=1e-4)


def test_useless_features_give_the_priors():
  y = np.repeat([0, 1], [75, 25])
  result = probe(np.ones((100, 4), np.float32), y, num_classes=2, key=jax.random.key(0))
  assert float(result.accuracy) == pytest.approx(0.75)
  entropy = 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
  assert float(result.log_likelihood) == pytest.approx(entropy, abs=1e-3)
  assert bool(result.converged)


def test_too_few_steps_are_admitted():
  x, y = blobs(100, 6, 3)
  result = probe(
    x.astype(np.float32), y, num_classes=3, key=jax.random.key(0), l2=1e-4, max_iter=1
  )
  assert not bool(result.converged)


@pytest.mark.parametrize(
  ("name", "value"), [("num_classes", 1), ("folds", 1), ("l2", 0.0), ("max_iter", 0)]
)
def test_refuses_wrong_arguments(name, value):
  options = {"num_classes": 2, "key": jax.random.key(0), name: value}
  with pytest.raises(ValueError, match=name):
    linear_probe(jnp.ones((4, 2)), jnp.zeros(4, int), **options)
