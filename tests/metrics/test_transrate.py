"""TransRate against eigenvalues of every class's matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.metrics import Problem, _transrate as transrate, evaluate_metric

rates = jax.jit(transrate.transrate, static_argnames="num_classes")
EPS = (1e-5, 1e-4, 1e-2)


def reference(x, y):
  x = np.asarray(x, np.float64)
  z = x - x.mean(axis=0)
  z /= np.linalg.norm(z, axis=1, keepdims=True)
  total = z.T @ z / len(z)
  twice = 2 * np.linalg.matrix_rank(total, hermitian=True)
  log = lambda c, eps: np.log1p(np.clip(np.linalg.eigvalsh(c), 0, None) / eps).sum()
  all_e = [log(total, eps) / twice for eps in EPS]
  within_e = [
    sum(
      (y == c).mean() * log(z[y == c].T @ z[y == c] / (y == c).sum(), eps)
      for c in np.unique(y)
    )
    / twice
    for eps in EPS
  ]
  return np.array(all_e), np.array(within_e), twice // 2


def draw(x64, sizes, d=40, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
  x = rng.standard_normal((len(sizes), d))[y] + rng.standard_normal((len(y), d))
  return x.astype(np.float64 if x64 else np.float32), y


def got(x, y):
  found = rates(x, y, jnp.asarray(EPS, x.dtype), num_classes=int(y.max()) + 1)
  return np.asarray(found.total_e), np.asarray(found.within_e), int(found.rank)


# Classes smaller than the least side (32), in between, and larger than D and a block.
@pytest.mark.parametrize(
  ("sizes", "d"), [((1, 20, 33, 40, 300), 40), ((30, 30), 7), ((3, 5, 9), 40)]
)
def test_is_by_eigenvalues(x64, sizes, d):
  x, y = draw(x64, sizes, d)
  expected = reference(x, y)
  for ours, theirs in zip(got(x, y), expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9 if x64 else 3e-5)


def test_rank_of_dependent_and_of_small_features(x64):
  x, y = draw(x64, (60, 60))
  x[:, 30:] = x[:, :10]
  small = x.copy()
  small[:, :5] *= 1e-5  # lost in the squares of float32, not in its singular values
  assert got(x, y)[2] == 30
  assert got(np.delete(small, np.s_[30:], axis=1), y)[2] == 30


@pytest.mark.parametrize("turned", [False, True])
def test_columns_of_mixed_scales(x64, turned):
  """In float32 the status warns where directions are near rounding, and else not."""
  x, y = draw(True, (200, 200, 200), 60)
  x *= np.array([1, 1e-3, 1e-6])[np.arange(60) % 3]
  if turned:
    x = x @ np.linalg.qr(np.random.default_rng(1).standard_normal((60, 60)))[0]
  x = x.astype(np.float64 if x64 else np.float32)
  expected = reference(x, y)
  assert expected[2] == 60
  for ours, theirs in zip(got(x, y), expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9 if x64 else 3e-5)
  warned = "the rank of 60 is uncertain: 20 directions are hardly larger than rounding"
  status = evaluate_metric("transrate", Problem(x, y)).status
  assert status == ("ok" if x64 else f"{warned} (use float64)")
  if not turned:
    x[:, 2::3] *= 1e4
    assert evaluate_metric("transrate", Problem(x, y)).status == "ok"


@pytest.mark.parametrize("value", [0, 3.3, -0.1])
def test_constant_columns_leave_no_trace(x64, value):
  x, y = draw(x64, (500, 500), 40)
  expected = got(x, y)
  x = np.hstack([x, np.full((1000, 200), value, x.dtype)])
  for ours, theirs in zip(got(x, y), expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9 if x64 else 3e-6)
  assert evaluate_metric("transrate", Problem(x, y)).status == "ok"


def test_far_from_the_origin_in_float32():
  x, y = draw(False, (60, 60))
  x = 100 * x + 15_000
  expected = reference(x, y)
  for ours, theirs in zip(got(x, y), expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_invariances(x64):
  x, y = draw(x64, (50, 50, 20))
  expected = got(x, y)
  rng = np.random.default_rng(1)
  order = rng.permutation(len(y))
  turn = np.linalg.qr(rng.standard_normal((40, 40)))[0].astype(x.dtype)
  others = [
    (x[order], y[order]),
    (x, np.array([2, 0, 1])[y]),
    (x @ turn, y),
    (x + 3, y),
    (1e-20 * x, y),
    (1e15 * x, y),
    (np.tile(x, (2, 1)), np.tile(y, 2)),
  ]
  for other in others:
    for ours, theirs in zip(got(*other), expected, strict=True):
      np.testing.assert_allclose(ours, theirs, rtol=1e-9 if x64 else 5e-5)


def test_labels_that_say_something_score_more():
  x, y = draw(False, (60, 60, 60))
  wrong = np.random.default_rng(2).permutation(y)
  scores = [
    evaluate_metric("transrate", Problem(x, labels)).score for labels in (wrong, y)
  ]
  assert 0 < scores[0] < 0.95 * scores[1]


def test_details_tell_the_score_by_eps():
  x, y = draw(False, (60, 60))
  value = evaluate_metric("transrate", Problem(x, y), eps=1e-3)
  assert value.status == "ok"
  assert value.details["eps"] == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
  assert value.details["score_by_eps"][2] == pytest.approx(value.score, rel=1e-5)
  assert value.score == pytest.approx(
    value.details["rate"] - value.details["rate_within_classes"], abs=1e-6
  )


def test_a_sample_at_the_mean_has_no_direction():
  x, y = draw(False, (30, 30))
  x, y = np.vstack([x, -x, np.zeros((1, 40), np.float32)]), np.append(np.tile(y, 2), 0)
  value = evaluate_metric("transrate", Problem(x, y))
  assert value.status == "1 samples are at the mean, without a direction"
  assert np.isfinite(value.score)


@pytest.mark.parametrize(("n", "d"), [(2, 5), (6, 1)])
def test_least_features(x64, n, d):
  x, y = draw(x64, (n // 2, n // 2), d)
  for ours, theirs in zip(got(x, y), reference(x, y), strict=True):
    # Observed in float32, of two samples at eps = 1e-5: 2e-4.
    np.testing.assert_allclose(ours, theirs, rtol=1e-9 if x64 else 5e-4, atol=1e-6)


def test_thousand_classes_of_one_sample():
  x, y = draw(True, (1,) * 1000, 8)
  total_e, within_e, rank = got(x.astype(np.float32), y)
  np.testing.assert_allclose(within_e, np.log1p(1 / np.array(EPS)) / (2 * 8), rtol=1e-4)
  assert rank == 8
  assert (total_e > within_e).all()


def test_constant_features_have_no_value():
  with pytest.raises(ValueError, match="all samples have the same features"):
    evaluate_metric("transrate", Problem(np.full((6, 3), 0.1), [0, 0, 0, 1, 1, 1]))


def test_refuses_wrong_arguments():
  for eps in (0, 1e-7, float("inf"), float("nan")):
    with pytest.raises(ValueError, match="eps must be at least 1e-6"):
      transrate.TransRateOptions(eps=eps)
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    transrate.transrate(np.eye(3), np.zeros(3, int), np.ones(1), num_classes=1)
