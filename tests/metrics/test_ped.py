"""PED against a loop over pairs and samples, and at its edges."""

import jax
import numpy as np
import pytest

import lead_jax
from lead_jax import metrics
from lead_jax.metrics._ped import push_overlapping_classes as push

move = jax.jit(push, static_argnames=("num_classes", "max_steps"))


def reference(x, y, mean, std, n_sigma=0.6, k=1.0, tau=0.1, ratio=0.5):
  """Pair by pair, all samples moved at every step."""
  scale = np.maximum(std, 1e-3)
  z = (x.astype(np.float64) - mean) / scale
  first, movements = None, []
  for _ in range(6):
    means = [z[y == c].mean(axis=0) for c in range(y.max() + 1)]
    radii = [np.sqrt(z[y == c].var(axis=0).sum()) for c in range(y.max() + 1)]
    change = np.zeros((len(means), z.shape[1]))
    for i, a in enumerate(means):
      for j, b in enumerate(means):
        distance = np.linalg.norm(a - b)
        overlap = max(n_sigma * (radii[i] + radii[j]) - distance, 0)
        if i != j and distance > 0:
          length = min(0.5 * tau**2 * k * overlap, overlap)
          change[i] += length * (a - b) / distance
    total = np.abs(change).sum()
    movements.append(total)
    first = total if first is None else first
    if not total > ratio * first:
      break
    z = z + change[y]
  return z * scale + mean, movements


def samples(n=120, d=8, k=4, seed=0):
  rng = np.random.default_rng(seed)
  y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
  x = 5 + 0.7 * rng.standard_normal((k, d))[y] + rng.standard_normal((n, d))
  source = 4 + 1.5 * rng.standard_normal((50, d))
  # One feature below the least standard deviation.
  x[:, -1], source[:, -1] = 4 + 1e-3 * x[:, -1], 4
  return x, y, source


@pytest.mark.parametrize(
  "options",
  [
    {},
    {"n_sigma": 1.5, "k": 30.0, "tau": 0.2},
    {"k": 300.0, "tau": 0.2},  # a step of the spring would be six overlaps: one is made
  ],
)
def test_push_is_the_loop(x64, options):
  x, y, source = samples()
  x = x.astype(np.float64 if x64 else np.float32)
  mean, std = source.mean(axis=0), source.std(axis=0)
  expected, movements = reference(x, y, mean, std, **options)
  if options:
    assert len(movements) < 6
  options = {"time_step" if n == "tau" else n: v for n, v in options.items()}
  got = move(x, y, mean.astype(x.dtype), std.astype(x.dtype), num_classes=4, **options)
  assert got.features.dtype == x.dtype
  tolerance = 1e-10 if x64 else 2e-6
  np.testing.assert_allclose(got.features, expected, rtol=tolerance, atol=5 * tolerance)
  kept = len(movements) - (len(movements) < 6)
  assert int(got.steps) == kept
  np.testing.assert_allclose(
    got.movement_s[: len(movements)], movements, rtol=1e-9 if x64 else 1e-3
  )
  assert np.abs(np.asarray(got.features) - x).max() > 1e-3


def test_push_of_apart_and_of_coincident_classes(x64):
  x, y, _ = samples()
  one, zero = np.ones(8), np.zeros(8)
  apart = x + 100 * np.eye(8)[y]
  got = move(apart, y, zero, one, num_classes=4)
  assert int(got.steps) == 0
  np.testing.assert_array_equal(got.features, apart.astype(got.features.dtype))
  # Two classes of one mean have no line between them; nothing is NaN.
  twice = np.concatenate([x[:30], x[:30]])
  label = np.repeat([0, 1], 30)
  got = move(twice, label, zero, one, num_classes=3)
  np.testing.assert_allclose(got.features, twice, rtol=1e-6)
  assert int(got.steps) == 0
  # An empty class pushes nobody.
  np.testing.assert_allclose(
    move(x, y, zero, one, num_classes=5).features,
    move(x, y, zero, one, num_classes=4).features,
    rtol=1e-6,
  )


def test_push_moves_with_permuted_and_relabelled_samples():
  x, y, source = samples()
  mean, std = source.mean(axis=0), source.std(axis=0)
  before = np.asarray(move(x, y, mean, std, num_classes=4).features)
  order = np.random.default_rng(1).permutation(120)
  after = move(x[order], (3 - y)[order], mean, std, num_classes=4).features
  np.testing.assert_allclose(after, before[order], rtol=1e-6)


@pytest.mark.parametrize("base", ["sfda", "logme", "gbc", "nleep"])
def test_no_overlap_is_the_base_score(base):
  x, y, source = samples()
  x = x + 100 * np.eye(8)[y]
  options = {"seeds": 1} if base == "nleep" else {}
  problem = metrics.Problem(x, y, source_features=source)
  value = metrics.evaluate_metric(f"ped_{base}", problem, **options)
  expected = metrics.evaluate_metric(base, problem, **options)
  assert value.score == expected.score
  assert value.status.startswith("no overlap: base score")


@pytest.mark.parametrize("base", ["sfda", "logme", "gbc", "nleep"])
def test_score_is_that_of_the_moved_features(base):
  x, y, source = samples()
  names = np.array(["ant", "bee", "cat", "dog"])[y]
  moved, movements = reference(
    x.astype(np.float32), y, source.mean(axis=0), source.std(axis=0)
  )
  options = {"seeds": 1} if base == "nleep" else {}
  expected = lead_jax.score(base, moved, y, **options)
  problem = metrics.Problem(x, names, source_features=source)
  value = metrics.evaluate_metric(f"ped_{base}", problem, **options)
  assert value.details["steps"] == len(movements)
  assert "source features" not in value.status
  np.testing.assert_allclose(value.score, expected, rtol=1e-3)
  assert value.score != lead_jax.score(base, x, y, **options)


def test_without_source_features_the_targets_own_serve():
  x, y, _ = samples()
  value = metrics.evaluate_metric("ped_logme", metrics.Problem(x, y))
  assert value.status == "no source features: scaled by the target's own"
  given = metrics.Problem(x, y, source_features=x)
  np.testing.assert_allclose(
    value.score, metrics.evaluate_metric("ped_logme", given).score, rtol=1e-6
  )


def test_variant_reaches_the_base():
  x, y, source = samples(n=20, d=30)
  score = lambda **options: lead_jax.score(
    "ped_logme", x, y, source_features=source, **options
  )
  assert score(variant="official") > score()


@pytest.mark.parametrize("shape", [(1010, 2), (12, 1), (12, 30)])
def test_many_classes_one_feature_more_features_than_samples(shape):
  rng = np.random.default_rng(0)
  x = rng.standard_normal(shape)
  y = np.arange(shape[0]) % (1000 if shape[0] > 1000 else 3)
  got = move(
    x.astype(np.float32), y, x.mean(axis=0), x.std(axis=0), num_classes=int(y.max()) + 1
  )
  assert np.isfinite(got.features).all()
  assert int(got.steps) > 0


@pytest.mark.parametrize(
  ("option", "value", "message"),
  [
    ("n_sigma", 0, "n_sigma must be above 0 and finite, got 0"),
    ("k", -1.0, "k must be above 0 and finite, got -1.0"),
    ("time_step", "x", "time_step must be a number, got 'x'"),
    ("exit_ratio", 1, "exit_ratio must be in .* got 1"),
  ],
)
def test_refuses_wrong_options(option, value, message):
  x, y, _ = samples(20)
  with pytest.raises(ValueError, match=message):
    lead_jax.score("ped_logme", x, y, **{option: value})


def test_refuses_wrong_arguments():
  x, y, _ = samples(20)
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    push(x, y, x[0], x[0], num_classes=1)
  with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
    push(x, y, x[0], x[0], num_classes=4, max_steps=0)


def test_classes_with_equal_means_are_said():
  x = np.repeat(np.random.default_rng(0).normal(size=(20, 4)), 3, axis=0)
  value = metrics.evaluate_metric("ped_logme", metrics.Problem(x, np.arange(60) % 3))
  assert "classes with equal means cannot be pushed apart" in value.status
