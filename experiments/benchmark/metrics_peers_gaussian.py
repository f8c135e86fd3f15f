"""SFDA, GBC, ETran, NCTI and nearest centroid, written as public code writes them.

Plain NumPy, SciPy and scikit-learn, in the precision of the features; ours is measured
against them, and equals them.
"""

from collections.abc import Callable

import numpy as np

from experiments.benchmark.metrics_inputs import Inputs


def _softmax(z):
  z = np.exp(z - z.max(axis=1, keepdims=True))
  return z / z.sum(axis=1, keepdims=True)


def _fit_shrunk_lda(x, y, shrinkage=None):
  """Returns posteriors and the shrinkage: all generalised eigenvectors are kept."""
  from scipy.linalg import eigh

  classes, counts = np.unique(y, return_counts=True)
  prior = counts / len(y)
  means = np.stack([x[y == c].mean(axis=0) for c in classes])
  within = sum(
    q * np.cov(x[y == c].T, bias=True) for q, c in zip(prior, classes, strict=True)
  )
  if shrinkage is None:
    sigma = np.linalg.eigvalsh(within)[-1]
    shrinkage = max(np.exp(-5 * sigma), 1e-10)
  dim = x.shape[1]
  ridge = shrinkage * np.trace(within) / dim
  shrunk = (1 - shrinkage) * within + ridge * np.eye(dim)
  between = np.cov(x.T, bias=True) - shrunk
  values, vectors = eigh(between, shrunk)
  vectors = vectors[:, np.argsort(values)[::-1]]
  coefficients = means @ vectors @ vectors.T
  constant = -0.5 * np.diag(means @ coefficients.T) + np.log(prior)
  return _softmax(x @ coefficients.T + constant), shrinkage


def peer_sfda(x: np.ndarray, y: np.ndarray) -> float:
  """SFDA, in float64 as the public code's class covariances are.

  Args:
    x: [N, D].
    y: [N], ids without gaps.
  """
  x = x.astype(np.float64)
  posterior, shrinkage = _fit_shrunk_lda(x, y)
  soft = _softmax(posterior)
  classes = np.unique(y)
  means = np.stack([x[y == c].mean(axis=0) for c in classes])
  for i, c in enumerate(classes):
    rows = y == c
    keep = soft[rows, i][:, None]
    x[rows] = keep * x[rows] + (1 - keep) * np.delete(means, i, axis=0).mean(axis=0)
  posterior, _ = _fit_shrunk_lda(x, y, shrinkage)
  return float(posterior[np.arange(len(y)), np.searchsorted(classes, y)].mean())


def peer_gbc(
  x: np.ndarray, y: np.ndarray, pca_dim: int = 64, gaussian: str = "spherical"
) -> float:
  """GBC, pair by pair.

  Args:
    x: [N, D].
    y: [N].
    pca_dim: Components kept.
    gaussian: `spherical` or `diagonal`.
  """
  from sklearn.decomposition import PCA

  x = PCA(n_components=pca_dim, svd_solver="full").fit_transform(x)
  stats = []
  for c in np.unique(y):
    rows = x[y == c]
    variance = np.maximum(rows.var(axis=0), 1e-4)
    if gaussian == "spherical":
      variance = np.full_like(variance, variance.mean())
    stats.append((rows.mean(axis=0), variance))
  total = 0.0
  for i, (mean_i, variance_i) in enumerate(stats):
    for j, (mean_j, variance_j) in enumerate(stats):
      if i != j:
        both = (variance_i + variance_j) / 2
        distance = np.sum((mean_i - mean_j) ** 2 / both) / 8
        logs = np.log(both) - 0.5 * (np.log(variance_i) + np.log(variance_j))
        total += np.exp(-distance - 0.5 * np.sum(logs))
  return -float(total)


def peer_etran_lda(x: np.ndarray, y: np.ndarray, variant: str = "paper") -> float:
  """The LDA part of ETran.

  Args:
    x: [N, D].
    y: [N], ids without gaps.
    variant: `paper` whitens by the within-class covariance, `official` does not.
  """
  from scipy.linalg import cho_factor, cho_solve

  classes, counts = np.unique(y, return_counts=True)
  prior = counts / len(y)
  x = x - x.mean(axis=0)
  means = np.stack([x[y == c].mean(axis=0) for c in classes])
  coefficients = means
  if variant == "paper":
    within = sum(
      q * np.cov(x[y == c].T, bias=True) for q, c in zip(prior, classes, strict=True)
    )
    coefficients = cho_solve(cho_factor(within), means.T).T
  constant = -0.5 * np.sum(means * coefficients, axis=1) + np.log(prior)
  posterior = _softmax(x @ coefficients.T + constant)
  return float(posterior[np.arange(len(y)), np.searchsorted(classes, y)].mean())


def peer_etran_energy(x: np.ndarray, percent: float = 0.5) -> float:
  """The energy part of ETran.

  Args:
    x: [N, D].
    percent: Share of the samples kept, the lowest.
  """
  from scipy.special import logsumexp

  energy = np.sort(logsumexp(x, axis=1))
  return float(energy[: max(1, int(len(x) * percent / 100))].mean())


def peer_etran(x: np.ndarray, y: np.ndarray) -> float:
  """ETran of a model alone: the two parts, not scaled.

  Args:
    x: [N, D].
    y: [N].
  """
  return 0.85 * peer_etran_lda(x, y) + 0.15 * peer_etran_energy(x)


def peer_ncti(x: np.ndarray, y: np.ndarray) -> float:
  """NCTI of a model alone: first plus second less third part, not scaled.

  Args:
    x: [N, D], at least 64 of both.
    y: [N], ids without gaps.
  """
  from sklearn.decomposition import PCA
  from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

  pca = PCA(n_components=64, svd_solver="full")
  x = pca.fit_transform(x)
  shrinkage = max(float(np.exp(-pca.explained_variance_[:32].sum())), 1e-10)
  if shrinkage > 1e-10:
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)
  else:
    model = LinearDiscriminantAnalysis(solver="svd")
  projected = model.fit(x, y).transform(x)
  projected = projected - projected.mean(axis=0)
  posterior = model.predict_proba(x)
  classes = np.unique(y)
  seli = np.linalg.norm(projected, "nuc")
  ncc = posterior[np.arange(len(y)), np.searchsorted(classes, y)].mean()
  total = sum(np.linalg.norm(posterior[y == c], "nuc") for c in classes)
  return float(seli + ncc - np.log(total))


def peer_nearest_centroid(
  x: np.ndarray, y: np.ndarray, distance: str = "cosine"
) -> float:
  """Leave-one-out accuracy of the nearest class mean, a class at a time.

  Args:
    x: [N, D].
    y: [N].
    distance: `cosine` or `euclidean`.
  """
  from scipy.spatial.distance import cdist

  classes = np.unique(y)
  near = cdist(x, np.stack([x[y == c].mean(axis=0) for c in classes]), distance)
  for i, c in enumerate(classes):
    rows = np.flatnonzero(y == c)
    if len(rows) == 1:
      near[rows, i] = np.inf
      continue
    total = x[rows].sum(axis=0)
    for row in rows:
      other = (total - x[row]) / (len(rows) - 1)
      near[row, i] = cdist(x[row][None], other[None], distance)[0, 0]
  return float(np.mean(classes[near.argmin(axis=1)] == y))


PEERS: tuple[tuple[str, Callable[[Inputs], float], dict], ...] = (
  ("sfda", lambda i: peer_sfda(i.x, i.y), {}),
  ("gbc", lambda i: peer_gbc(i.x, i.y), {}),
  ("gbc", lambda i: peer_gbc(i.x, i.y, gaussian="diagonal"), {"gaussian": "diagonal"}),
  ("etran_lda", lambda i: peer_etran_lda(i.x, i.y), {}),
  (
    "etran_lda",
    lambda i: peer_etran_lda(i.x, i.y, variant="official"),
    {"variant": "official"},
  ),
  ("etran_energy", lambda i: peer_etran_energy(i.x), {}),
  ("etran", lambda i: peer_etran(i.x, i.y), {}),
  ("ncti", lambda i: peer_ncti(i.x, i.y), {}),
  ("nearest_centroid", lambda i: peer_nearest_centroid(i.x, i.y), {}),
  (
    "nearest_centroid",
    lambda i: peer_nearest_centroid(i.x, i.y, distance="euclidean"),
    {"distance": "euclidean"},
  ),
)
