"""Leave-one-out neighbours against scikit-learn's brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from lead_jax.metrics._knn import knn_accuracy

accuracy = jax.jit(
  knn_accuracy, static_argnames=("num_classes", "k", "distance", "batch_size")
)


def reference(x, y, k, distance):
  # One more neighbour than asked for; the sample itself is taken out by its index.
  near = NearestNeighbors(n_neighbors=k + 1, metric=distance, algorithm="brute").fit(x)
  right = 0
  for i, row in enumerate(near.kneighbors(x, return_distance=False)):
    classes = [y[j] for j in row if j != i][:k]
    votes = [classes.count(c) for c in classes]
    right += classes[int(np.argmax(votes))] == y[i]
  return right / len(y)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("batch_size", [7, 1024])
def test_accuracy_is_brute_forces(x64, distance, k, batch_size):
  rng = np.random.default_rng(k)
  y = rng.integers(0, 6, 150)
  x = rng.standard_normal((6, 10))[y] + 1.5 * rng.standard_normal((150, 10)) + 1
  expected = reference(x, y, k, distance)
  assert 0.3 < expected < 0.9
  got = accuracy(
    x.astype(np.float64 if x64 else np.float32),
    y,
    num_classes=6,
    k=k,
    distance=distance,
    batch_size=batch_size,
  )
  np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 1e3, 1e5])
@pytest.mark.parametrize("uneven", [False, True])
def test_cosines_of_nearly_parallel_samples(offset, uneven):
  rng = np.random.default_rng(0)
  y = np.arange(300) % 5
  x = offset + rng.standard_normal((5, 12))[y] + 1.5 * rng.standard_normal((300, 12))
  if uneven:
    # A sample a billion times shorter is as good as any other.
    x[:4] *= 1e-9
    x[4] = 0
  x = x.astype(np.float32)
  # Half the squared distances of directions, as cosines lose digits in float64 too; a
  # zero vector's is one.
  length = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
  u = x / np.where(length > 0, length, 1)
  far = 0.5 * np.sum((u[:, None] - u[None, :]) ** 2, axis=2)
  zero = length[:, 0] == 0
  far[zero | zero[:, None]] = 1
  np.fill_diagonal(far, np.inf)
  expected = np.mean(y[far.argmin(axis=1)] == y)
  assert 0.3 < expected < 0.9
  got = accuracy(x, y, num_classes=5)
  np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_cosine_ignores_the_length_of_a_row(scale):
  rng = np.random.default_rng(0)
  y = rng.integers(0, 4, 80)
  x = rng.standard_normal((4, 6))[y] + rng.standard_normal((80, 6))
  lengths = scale * rng.uniform(0.5, 2, (80, 1))
  expected = accuracy(x.astype(np.float32), y, num_classes=4)
  got = accuracy((lengths * x).astype(np.float32), y, num_classes=4)
  assert 0.3 < float(expected) < 1
  np.testing.assert_allclose(got, expected)


def test_zero_vector_is_at_distance_one():
  # Sample 2 is zero: its neighbours are samples 0 and 1 at equal distance, the lower
  # index first. Samples 0 and 1 are opposite (distance 2), so that zero is their nearest.
  x = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
  assert float(accuracy(x, jnp.array([0, 1, 0]), num_classes=2)) == pytest.approx(2 / 3)
  assert float(accuracy(x, jnp.array([1, 0, 0]), num_classes=2)) == pytest.approx(1 / 3)


def test_tied_vote_goes_to_the_nearest():
  x = jnp.array([[0.0], [1.0], [2.1], [10.0], [11.5]])
  y = jnp.array([0, 0, 1, 1, 1])
  # k = 2. 0: {1: 0, 2.1: 1} -> 0; 1: {0: 0, 2.1: 1} -> 0; 2.1: {1: 0, 0: 0} -> wrong.
  got = accuracy(x, y, num_classes=2, k=2, distance="euclidean")
  assert float(got) == pytest.approx(0.8)


def test_copies_are_found_and_never_the_sample_itself():
  x = jnp.eye(4)[jnp.array([0, 0, 1, 1])]
  assert float(accuracy(x, jnp.array([0, 0, 1, 1]), num_classes=2)) == 1
  assert float(accuracy(x, jnp.array([0, 1, 0, 1]), num_classes=2)) == 0


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("k", 0),
    ("k", 4),
    ("distance", "manhattan"),
    ("batch_size", 0),
    ("num_classes", 1),
  ],
)
def test_refuses_wrong_arguments(name, value):
  options = {"num_classes": 2, name: value}
  with pytest.raises(ValueError, match=name):
    knn_accuracy(jnp.ones((4, 2)), jnp.zeros(4, int), **options)
