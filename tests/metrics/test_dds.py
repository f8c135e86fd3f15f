"""DDS against kernels of scikit-learn and the centring by its definition."""

import jax
import numpy as np
import pytest
from sklearn.metrics import pairwise
from sklearn.preprocessing import StandardScaler

import lead_jax
from lead_jax.metrics import Problem, _dds as dds, evaluate_metric
from tests.metrics.test_rsa import draw

score = jax.jit(dds.dds, static_argnames="kernel")
KERNELS = ["linear", "rbf", "laplacian", "pearson", "euclidean", "cosine"]


def matrix(x, kernel):
  x = StandardScaler().fit_transform(x.astype(np.float64))
  square = pairwise.euclidean_distances(x, squared=True)
  return {
    "linear": lambda: x @ x.T,
    "rbf": lambda: np.exp(-2 * square / np.median(square)),
    "laplacian": lambda: pairwise.laplacian_kernel(x),
    "pearson": lambda: 1 - np.corrcoef(x),
    "euclidean": lambda: np.sqrt(square),
    "cosine": lambda: 1 - pairwise.cosine_similarity(x),
  }[kernel]()


def centred(k):
  # Szekely and Rizzo, Definition 2, entry by entry.
  n = len(k)
  k = k - np.diag(np.diag(k))
  row, all_ = k.sum(axis=1) / (n - 2), k.sum() / ((n - 1) * (n - 2))
  u = k - row[:, None] - row[None, :] + all_
  return u - np.diag(np.diag(u))


def reference(x, z, kernel):
  k, other = centred(matrix(x, kernel)), centred(matrix(z, kernel))
  return (k * other).sum() / np.sqrt((k**2).sum() * (other**2).sum())


@pytest.mark.parametrize("n", [79, 80])
@pytest.mark.parametrize("kernel", KERNELS)
def test_is_by_definition(x64, kernel, n):
  x, z, _ = draw(x64, n)
  expected = reference(x, z, kernel)
  assert 0.2 < expected < 0.99
  rtol = 1e-9 if x64 else 2e-5
  np.testing.assert_allclose(score(x, z, kernel=kernel).score, expected, rtol=rtol)


@pytest.mark.parametrize("kernel", KERNELS)
def test_itself_and_moved(x64, kernel):
  x, z, _ = draw(x64)
  np.testing.assert_allclose(score(x, x, kernel=kernel).score, 1, rtol=1e-5)
  expected = score(x, z, kernel=kernel).score
  order = np.random.default_rng(1).permutation(len(x))
  for a, b in [(x[order], z[order]), (z, x), (7 * x + 3, 1e-15 * z)]:
    got = score(a, b, kernel=kernel).score
    np.testing.assert_allclose(got, expected, rtol=1e-9 if x64 else 1e-4)


def test_of_nothing_in_common_is_zero():
  rng = np.random.default_rng(0)
  x, z = rng.standard_normal((2, 80, 12)).astype(np.float32)
  assert abs(float(score(x, z, kernel="linear").score)) < 0.1


def test_copies_are_no_trouble(x64):
  x, z, _ = draw(x64)
  x, z = np.concatenate([x[:40]] * 2), np.concatenate([z[:40]] * 2)
  for kernel in ("rbf", "laplacian", "euclidean"):
    # The square root of a rounded zero distance is 1e-3 in float32.
    got = score(x, z, kernel=kernel).score
    expected = reference(x, z, kernel)
    np.testing.assert_allclose(got, expected, rtol=1e-6 if x64 else 1e-3)


def test_public_interface():
  x, z, y = draw(False, 300)
  problem = Problem(x, y, reference_features=z)
  value = evaluate_metric("dds", problem, samples=100, draws=3, kernel="linear")
  assert value.spread.draws == "3 draws"
  whole = lead_jax.score("dds", x, y, reference_features=z, kernel="linear")
  assert value.score == pytest.approx(whole, abs=0.1)
  with pytest.raises(ValueError, match="needs reference_features"):
    lead_jax.score("dds", x, y)


@pytest.mark.parametrize("kernel", KERNELS)
def test_constant_features_have_no_value(kernel):
  x, _, y = draw(False)
  problem = Problem(x, y, reference_features=np.ones((80, 7)))
  with pytest.raises(ValueError, match="equally alike"):
    evaluate_metric("dds", problem, kernel=kernel)


def test_one_feature():
  x, z, y = draw(False)
  value = evaluate_metric("dds", Problem(x, y, reference_features=z[:, :1]))
  assert 0 < value.score < 1


def test_refuses_wrong_arguments():
  with pytest.raises(ValueError, match=r"kernel must be one of .* got 'poly'"):
    dds.DDSOptions(kernel="poly")
  with pytest.raises(ValueError, match="kernel must be one of"):
    dds.dds(np.eye(4), np.eye(4), kernel="poly")
  with pytest.raises(ValueError, match="at least 4 samples, got 3"):
    evaluate_metric("dds", Problem(np.eye(3), [0, 1, 1], reference_features=np.eye(3)))
