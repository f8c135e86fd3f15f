"""Peers of LEEP, NCE, NLEEP and PACTran in NumPy, SciPy and scikit-learn."""

from collections.abc import Callable

import numpy as np

from experiments.benchmark.metrics_inputs import Inputs


def _one_hot(y: np.ndarray) -> np.ndarray:
  return np.eye(int(y.max()) + 1, dtype=np.float64)[y]


def _predicted(theta: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Probability of the true label by the empirical p(y | z)."""
  joint = _one_hot(y).astype(theta.dtype).T @ theta
  mass = joint.sum(axis=0)
  given = joint / np.where(mass > 0, mass, 1)
  return (theta @ given.T)[np.arange(len(y)), y]


def peer_leep(theta: np.ndarray, y: np.ndarray) -> float:
  """Mean log probability of the true label."""
  return float(np.mean(np.log(_predicted(theta, y))))


def peer_nce(theta: np.ndarray, y: np.ndarray) -> float:
  """Minus the conditional entropy, source class by source class."""
  source = theta.argmax(axis=1)
  total = 0.0
  for z in np.unique(source):
    counts = np.bincount(y[source == z])
    counts = counts[counts > 0]
    total += float(np.sum(counts * np.log(counts / counts.sum())))
  return total / len(y)


def peer_nleep(
  x: np.ndarray,
  y: np.ndarray,
  *,
  start: np.ndarray | None = None,
  components_per_class: int = 5,
) -> float:
  """PCA, one mixture, mean probability of the true label.

  Args:
    x: Features.
    y: Labels.
    start: Component of each sample to start from, where not k-means.
    components_per_class: As ours.
  """
  from sklearn.decomposition import PCA
  from sklearn.mixture import GaussianMixture

  components = components_per_class * (int(y.max()) + 1)
  if components > len(y) / 2:
    components = int(y.max()) + 1
  # In float32 the ridge is below rounding, and scikit-learn refuses the mixture.
  low = PCA(n_components=0.8).fit_transform(x).astype(np.float64)
  mixture = GaussianMixture(components, covariance_type="full", random_state=0)
  if start is not None:
    hard = np.eye(components)[start]
    weight = hard.sum(axis=0) / len(y)
    mean = (hard.T @ low) / np.maximum(hard.sum(axis=0), 1)[:, None]
    precision = np.empty((components, low.shape[1], low.shape[1]))
    for c in range(components):
      apart = low[start == c] - mean[c]
      covariance = apart.T @ apart / max(len(apart), 1)
      precision[c] = np.linalg.inv(covariance + 1e-6 * np.eye(low.shape[1]))
    mixture.set_params(weights_init=weight, means_init=mean, precisions_init=precision)
  return float(np.mean(_predicted(mixture.fit(low).predict_proba(low), y)))


def peer_pactran_dirichlet(s: np.ndarray, y: np.ndarray, *, updates: int = 10) -> float:
  """Mean field of the Dirichlet prior."""
  from scipy.special import digamma, gammaln, logsumexp

  onehot = _one_hot(y).astype(s.dtype)
  prior = onehot.mean(axis=0)[:, None] + 1e-10
  log_s, q = np.log(s + 1e-10), s
  for _ in range(updates):
    a = prior + onehot.T @ q
    log_q = log_s + onehot @ digamma(a) - digamma(a.sum(axis=0))
    log_q -= logsumexp(log_q, axis=1, keepdims=True)
    q = np.exp(log_q)
  after = gammaln(a).sum() - gammaln(a.sum(axis=0)).sum()
  before = s.shape[1] * (gammaln(prior).sum() - gammaln(prior.sum()))
  return float((after - before - np.sum(q * (log_q - log_s))) / onehot.size)


def peer_pactran_gamma(s: np.ndarray, y: np.ndarray, *, updates: int = 10) -> float:
  """Mean field of the Gamma prior."""
  from scipy.special import digamma, gammaln, logsumexp

  onehot = _one_hot(y).astype(s.dtype)
  prior = onehot.mean(axis=0)[:, None] + 1e-10
  log_s, q = np.log(s + 1e-10), s
  for _ in range(updates):
    a = prior + onehot.T @ q
    rate = s @ a.sum(axis=0)
    log_q = log_s + onehot @ digamma(a)
    log_q -= logsumexp(log_q, axis=1, keepdims=True)
    q = np.exp(log_q)
  gain = gammaln(a).sum() - s.shape[1] * gammaln(prior).sum()
  gain -= np.sum(q * (log_q - log_s)) + np.sum(np.log(rate)) - len(y)
  return float(gain / onehot.size - 1)


def peer_pactran_gauss(
  x: np.ndarray,
  y: np.ndarray,
  *,
  lam: float = 1.0,
  s2: float = 100.0,
  tolerance: float = 1e-6,
  max_iter: int = 5000,
) -> float:
  """L-BFGS-B to its tolerance, then the bound."""
  from scipy.optimize import minimize
  from scipy.special import log_softmax

  x = x - x.mean(axis=0)
  onehot = _one_hot(y).astype(x.dtype)
  (n, d), k = x.shape, onehot.shape[1]

  def objective(flat):
    theta = flat.reshape(d + 1, k)
    w = theta[:-1].astype(x.dtype)
    log_p = log_softmax(x @ w + theta[-1].astype(x.dtype), axis=1)
    loss = -np.sum(onehot * log_p) / n + np.sum(theta[:-1] ** 2) / (2 * lam * n)
    error = (np.exp(log_p) - onehot) / n
    gradient = np.vstack([x.T @ error + w / (lam * n), error.sum(axis=0)])
    return loss, gradient.astype(np.float64).ravel()

  options = {"maxiter": max_iter, "ftol": tolerance**2, "gtol": tolerance}
  start = 0.03 * np.random.default_rng(0).standard_normal((d + 1, k))
  start[-1] = 0
  found = minimize(
    objective, start.ravel(), jac=True, method="L-BFGS-B", options=options
  )
  theta = found.x.reshape(d + 1, k)
  p = np.exp(log_softmax(x @ theta[:-1] + theta[-1], axis=1))
  m = k * d / (lam * n)
  curvature = np.sum((np.sum(x**2, axis=1) + 1)[:, None] * (p - p**2)) + m
  return float(-(found.fun + 0.5 * m * (s2 / d) * np.log(curvature / m + 1e-10)))


PEERS: tuple[tuple[str, Callable[[Inputs], float], dict], ...] = (
  ("leep", lambda given: peer_leep(given.source_probs, given.y), {}),
  ("nce", lambda given: peer_nce(given.source_probs, given.y), {}),
  ("nleep", lambda given: peer_nleep(given.x, given.y), {"seeds": 1}),
  ("pactran_gauss", lambda given: peer_pactran_gauss(given.x, given.y), {}),
  (
    "pactran_dirichlet",
    lambda given: peer_pactran_dirichlet(given.source_probs, given.y),
    {},
  ),
  ("pactran_gamma", lambda given: peer_pactran_gamma(given.source_probs, given.y), {}),
)
