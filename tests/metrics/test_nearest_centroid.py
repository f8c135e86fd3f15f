"""Leave-one-out nearest class mean against means that are taken again for each sample."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from lead_jax.metrics import Problem, _nearest_centroid as module, evaluate_metric

run = jax.jit(module.nearest_centroid, static_argnames=("num_classes", "distance"))


def reference(x, y, distance):
  right = 0
  for i in range(len(y)):
    others = np.arange(len(y)) != i
    classes = np.unique(y[others])
    means = np.stack([x[others & (y == c)].mean(axis=0) for c in classes])
    right += classes[cdist(x[i : i + 1], means, distance)[0].argmin()] == y[i]
  return right / len(y)


def blobs(n=200, d=10, k=6, seed=0):
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.concatenate([np.arange(k), rng.integers(0, k, n - k)]))
  return 1 + rng.standard_normal((k, d))[y] + 1.5 * rng.standard_normal((n, d)), y


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
def test_is_the_loop_over_samples(x64, distance, scale):
  x, y = blobs()
  expected = reference(x, y, distance)
  assert 0.3 < expected < 0.9
  x = (scale * x).astype(np.float64 if x64 else np.float32)
  np.testing.assert_allclose(run(x, y, num_classes=6, distance=distance), expected)


@pytest.mark.parametrize("offset", [1e3, 1e5])
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e12])
def test_cosines_to_nearly_parallel_means(offset, scale):
  rng = np.random.default_rng(0)
  y = np.arange(300) % 5
  x = offset + rng.standard_normal((5, 12))[y] + 1.5 * rng.standard_normal((300, 12))
  x[:4] *= 1e-3
  x[4] = 0
  x = (scale * x).astype(np.float32)

  def directions(rows):
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(length > 0, length, 1)

  # Half the squared distances of directions, as cosines lose digits in float64 too.
  wide = x.astype(np.float64) / scale
  sums = np.stack([wide[y == c].sum(axis=0) for c in range(5)])
  means = directions(sums[None] - np.eye(5)[y][:, :, None] * wide[:, None])
  far = np.sum((directions(wide)[:, None] - means) ** 2, axis=2)
  far[4] = 0  # a zero vector is as far from all: the first class
  expected = np.mean(far.argmin(axis=1) == y)
  assert 0.3 < expected < 0.9
  np.testing.assert_allclose(run(x, y, num_classes=5), expected, rtol=1e-6)


def test_a_sample_does_not_count_in_its_own_mean():
  # Two samples a class, far apart: with itself in the mean each would be right.
  x = jnp.array([[0.0], [10.0], [4.0], [6.5]])
  y = jnp.array([0, 0, 1, 1])
  # 0: own mean 10, other 5.25 -> wrong; 10: own 0 -> wrong; 4: own 6.5 at 2.5, other 5 at
  # 1 -> wrong; 6.5: own 4 at 2.5, other 5 at 1.5 -> wrong.
  assert float(run(x, y, num_classes=2, distance="euclidean")) == 0


def test_euclidean_does_not_mind_a_shift_and_cosine_does():
  x, y = blobs()
  for distance, same in [("euclidean", True), ("cosine", False)]:
    base = float(run(x.astype(np.float32), y, num_classes=6, distance=distance))
    got = float(run((x - 5).astype(np.float32), y, num_classes=6, distance=distance))
    assert (got == base) == same


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_rotating_permuting_and_relabelling_change_nothing(distance):
  x, y = blobs()
  base = float(run(x.astype(np.float32), y, num_classes=6, distance=distance))
  axes = np.linalg.qr(np.random.default_rng(2).standard_normal((10, 10)))[0]
  for other, labels in [
    (x @ axes, y),
    (x[::-1], y[::-1]),
    (x, np.array([2, 0, 3, 1, 5, 4])[y]),
  ]:
    got = run(other.astype(np.float32), labels, num_classes=6, distance=distance)
    assert float(got) == base


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_a_class_of_one_is_an_error_and_is_said(x64, distance):
  x = np.array([[1.0, 0.0], [1.1, 0.0], [0.9, 0.1], [0.0, 5.0]])
  value = evaluate_metric(
    "nearest_centroid",
    Problem(x.astype(np.float64 if x64 else np.float32), [0, 0, 0, 1]),
    distance=distance,
  )
  assert value.score == 0.75
  assert value.status == (
    "1 class of one sample, counted as an error; class '1' has 1 of the 2 samples needed"
  )
  alone = evaluate_metric("nearest_centroid", Problem(x[2:], [0, 1]), distance=distance)
  assert alone.score == 0
  assert alone.status.startswith("2 classes of one sample, counted as an error")


def test_classes_around_zero_are_said(x64):
  rng = np.random.default_rng(0)
  y = np.arange(200) % 2
  x = rng.standard_normal((200, 8)) + 8 * np.eye(1, 8) * y[:, None]
  x = x.astype(np.float64 if x64 else np.float32)
  value = evaluate_metric("nearest_centroid", Problem(x, y))
  assert value.score < 0.95
  assert value.details["euclidean"] > 0.99
  assert value.status.startswith(
    "directions from the origin tell less than places: 1.00"
  )
  other = evaluate_metric("nearest_centroid", Problem(x, y), distance="euclidean")
  assert (other.score, other.status) == (value.details["euclidean"], "ok")
  assert evaluate_metric("nearest_centroid", Problem(x + 30, y)).status == "ok"


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_zero_features_tie_and_the_first_class_wins(distance):
  got = evaluate_metric(
    "nearest_centroid", Problem(np.zeros((6, 2)), [0, 0, 1, 1, 1, 1]), distance=distance
  )
  assert got.score == pytest.approx(1 / 3)


def test_an_empty_class_is_nobodys_nearest():
  x, y = blobs()
  x = x.astype(np.float32)
  for distance in ("cosine", "euclidean"):
    gap = run(x, np.where(y == 5, 6, y), num_classes=7, distance=distance)
    assert float(gap) == float(run(x, y, num_classes=6, distance=distance))


def test_a_thousand_classes():
  rng = np.random.default_rng(0)
  y = np.arange(2000) % 1000
  x = (rng.standard_normal((1000, 8))[y] + 0.2 * rng.standard_normal((2000, 8))) * 3
  got = evaluate_metric(
    "nearest_centroid", Problem(x.astype(np.float32), y), distance="euclidean"
  ).score
  means = x.reshape(2, 1000, 8)
  # The mean without the sample is the other sample of its class.
  near = cdist(x, means.mean(axis=0))
  near[np.arange(2000), y] = np.linalg.norm(x - np.roll(x, 1000, axis=0), axis=1)
  assert got == pytest.approx(np.mean(near.argmin(axis=1) == y), abs=1e-3)


def test_refuses_wrong_arguments():
  with pytest.raises(ValueError, match=r"distance must be one of .*'manhattan'"):
    module.NearestCentroidOptions(distance="manhattan")
  with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
    module.nearest_centroid(jnp.ones((4, 2)), jnp.zeros(4, int), num_classes=1)
