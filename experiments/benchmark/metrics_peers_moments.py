"""LogME, the H-scores and PED, written as public code writes them.

Plain NumPy and scikit-learn, in the precision of the features; ours is measured against
them, and equals them.
"""

from collections.abc import Callable

import numpy as np

from experiments.benchmark.metrics_inputs import Inputs
from experiments.benchmark.metrics_peers_gaussian import peer_gbc, peer_sfda


def peer_logme(x: np.ndarray, y: np.ndarray) -> float:
  """LogME through the singular values of the Gram matrix, class by class.

  Args:
    x: [N, D], N at least D.
    y: [N], ids without gaps.
  """
  n, d = x.shape
  _, values, rows = np.linalg.svd(x.T @ x)
  projected = x @ rows.T
  kept = values > 1e-20
  values = values[kept]
  left = projected[:, kept] / np.sqrt(values)
  found = []
  for c in range(int(y.max()) + 1):
    target = (y == c).astype(x.dtype)
    square = (left.T @ target) ** 2
    outside = target @ target - square.sum()
    t = 1.0
    for _ in range(11):
      gamma = np.sum(values / (values + t))
      m2 = np.sum(values * square / (values + t) ** 2)
      residual = np.sum(square / (1 + values / t) ** 2) + outside
      alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (residual + 1e-5)
      before, t = t, alpha / beta
      if abs(t - before) / before <= 1e-3:
        break
    evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta)
    evidence -= 0.5 * np.sum(np.log(alpha + beta * values))
    evidence -= 0.5 * (d - len(values)) * np.log(alpha)
    evidence -= beta / 2 * residual + alpha / 2 * m2 + n / 2 * np.log(2 * np.pi)
    found.append(evidence / n)
  return float(np.mean(found))


def _between(x, y):
  means = np.stack([x[y == c].mean(axis=0) for c in range(int(y.max()) + 1)])
  return np.cov(means[y], rowvar=False)


def peer_h_score(x: np.ndarray, y: np.ndarray) -> float:
  """The H-score by a pseudo-inverse.

  Args:
    x: [N, D].
    y: [N], ids without gaps.
  """
  inverse = np.linalg.pinv(np.cov(x, rowvar=False), rcond=1e-15)
  return float(np.trace(inverse @ _between(x, y)))


def peer_h_score_regularized(x: np.ndarray, y: np.ndarray) -> float:
  """The H-score under scikit-learn's Ledoit-Wolf covariance.

  Args:
    x: [N, D].
    y: [N], ids without gaps.
  """
  from sklearn.covariance import LedoitWolf

  model = LedoitWolf().fit(x)
  inverse = np.linalg.pinv(model.covariance_, rcond=1e-15)
  return float((1 - model.shrinkage_) * np.trace(inverse @ _between(x, y)))


def peer_push(
  x: np.ndarray, y: np.ndarray, source: np.ndarray, n_sigma: float = 0.6
) -> np.ndarray:
  """PED's dynamics, pair by pair, all samples moved at every step.

  Args:
    x: [N, D].
    y: [N], ids without gaps.
    source: [M, D].
    n_sigma: Radii a class extends to.

  Returns:
    [N, D], moved.
  """
  mean, scale = source.mean(axis=0), np.maximum(source.std(axis=0), 1e-3)
  z = (x - mean) / scale
  first = None
  for _ in range(6):
    groups = [z[y == c] for c in range(int(y.max()) + 1)]
    means = [group.mean(axis=0) for group in groups]
    radii = [np.sqrt(group.var(axis=0).sum()) for group in groups]
    change = np.zeros((len(groups), z.shape[1]), z.dtype)
    for i in range(len(groups)):
      for j in range(i + 1, len(groups)):
        line = means[i] - means[j]
        distance = np.linalg.norm(line)
        overlap = max(n_sigma * (radii[i] + radii[j]) - distance, 0)
        step = min(0.5 * 0.1**2 * overlap, overlap) * line / distance
        change[i] += step
        change[j] -= step
    total = np.abs(change).sum()
    first = total if first is None else first
    if not total > 0.5 * first:
      break
    z = z + change[y]
  return z * scale + mean


def _pushed(peer: Callable[[np.ndarray, np.ndarray], float]):
  return lambda inputs: peer(
    peer_push(inputs.x, inputs.y, inputs.source_features), inputs.y
  )


PEERS: tuple[tuple[str, Callable[[Inputs], float], dict], ...] = (
  ("logme", lambda inputs: peer_logme(inputs.x, inputs.y), {}),
  ("h_score", lambda inputs: peer_h_score(inputs.x, inputs.y), {}),
  (
    "h_score_regularized",
    lambda inputs: peer_h_score_regularized(inputs.x, inputs.y),
    {},
  ),
  ("ped_logme", _pushed(peer_logme), {}),
  ("ped_sfda", _pushed(peer_sfda), {}),
  ("ped_gbc", _pushed(peer_gbc), {}),
)
