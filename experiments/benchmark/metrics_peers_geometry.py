"""PARC, RSA, DDS and TransRate in NumPy, SciPy and scikit-learn, as public code has them.

Float64 where NumPy's own functions go there (`corrcoef`), whole D x D decompositions of
every class, all pairs ranked: what ours is timed against, and equal to in value.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn.metrics import pairwise
from sklearn.preprocessing import StandardScaler

from experiments.benchmark.metrics_inputs import Inputs

SAMPLES, DRAWS = 500, 5


def _draws(count: int) -> list[np.ndarray]:
  """Samples of each draw; all samples once where there are few."""
  if count <= SAMPLES:
    return [np.arange(count)]
  rng = np.random.default_rng(0)
  return [rng.choice(count, SAMPLES, replace=False) for _ in range(DRAWS)]


def _dissimilarities(x: np.ndarray) -> np.ndarray:
  return 1 - np.corrcoef(StandardScaler().fit_transform(x))


def _above(matrix: np.ndarray) -> np.ndarray:
  return matrix[np.triu_indices(len(matrix), 1)]


def peer_parc(x: np.ndarray, y: np.ndarray) -> float:
  """PARC, except that labels are compared, not rounded correlations of one-hot labels."""
  scores = []
  for index in _draws(len(x)):
    found = _above(_dissimilarities(x[index]))
    true = _above(y[index][:, None] != y[index][None, :])
    scores.append(100 * stats.spearmanr(found, true).statistic)
  return float(np.mean(scores))


def peer_rsa(x: np.ndarray, reference: np.ndarray) -> float:
  """RSA."""
  scores = []
  for index in _draws(len(x)):
    ours = _above(_dissimilarities(x[index]))
    theirs = _above(_dissimilarities(reference[index]))
    scores.append(100 * stats.spearmanr(ours, theirs).statistic)
  return float(np.mean(scores))


def _kernel(x: np.ndarray, kernel: str) -> np.ndarray:
  x = StandardScaler().fit_transform(x)
  if kernel == "linear":
    return x @ x.T
  if kernel == "laplacian":
    return pairwise.laplacian_kernel(x)
  square = pairwise.euclidean_distances(x, squared=True)
  return np.exp(-square / (2 * 0.25 * np.median(square)))


def _centred(k: np.ndarray) -> np.ndarray:
  n = len(k)
  k = k.astype(np.float64)
  np.fill_diagonal(k, 0)
  mean = k.sum(axis=0) / (n - 2)
  mean -= mean.sum() / (2 * (n - 1))
  k = k - mean[:, None] - mean[None, :]
  np.fill_diagonal(k, 0)
  return k


def peer_dds(x: np.ndarray, reference: np.ndarray, kernel: str = "laplacian") -> float:
  """DDS by one of the kernels linear, rbf, laplacian."""
  scores = []
  for index in _draws(len(x)):
    k = _centred(_kernel(x[index], kernel))
    other = _centred(_kernel(reference[index], kernel))
    scores.append((k * other).sum() / np.linalg.norm(k) / np.linalg.norm(other))
  return float(np.mean(scores))


def peer_transrate(x: np.ndarray, y: np.ndarray, eps: float = 1e-4) -> float:
  """TransRate, by the singular values of every class's D x D matrix."""
  z = x - x.mean(axis=0)
  z = z / np.linalg.norm(z, axis=1, keepdims=True)
  total = z.T @ z / len(z)
  rank = np.linalg.matrix_rank(total)
  rate = np.log1p(np.linalg.svd(total, compute_uv=False) / eps).sum()
  within = 0.0
  for c in np.unique(y):
    zc = z[y == c]
    eigenvalues = np.linalg.svd(zc.T @ zc / len(zc), compute_uv=False)
    within += len(zc) / len(z) * np.log1p(eigenvalues / eps).sum()
  return float((rate - within) / (2 * rank))


PEERS: tuple[tuple[str, Callable[[Inputs], float], dict], ...] = (
  ("parc", lambda given: peer_parc(given.x, given.y), {}),
  ("rsa", lambda given: peer_rsa(given.x, given.reference_features), {}),
  ("dds", lambda given: peer_dds(given.x, given.reference_features), {}),
  (
    "dds",
    lambda given: peer_dds(given.x, given.reference_features, "linear"),
    {"kernel": "linear"},
  ),
  (
    "dds",
    lambda given: peer_dds(given.x, given.reference_features, "rbf"),
    {"kernel": "rbf"},
  ),
  ("transrate", lambda given: peer_transrate(given.x, given.y), {}),
)
