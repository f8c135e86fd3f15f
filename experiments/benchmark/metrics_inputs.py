"""What the metrics are timed on: features of a network's kind, and what else they need."""

from typing import NamedTuple

import numpy as np


class Inputs(NamedTuple):
  """One data set.

  Attributes:
    x: float32[N, D] features.
    y: int32[N] labels.
    source_probs: float32[N, Z].
    reference_features: float32[N, R].
    source_features: float32[M, D].
  """

  x: np.ndarray
  y: np.ndarray
  source_probs: np.ndarray
  reference_features: np.ndarray
  source_features: np.ndarray


def make_inputs(
  n: int = 10_000,
  d: int = 1024,
  k: int = 100,
  z: int = 1000,
  r: int = 256,
  m: int = 2000,
  seed: int = 0,
) -> Inputs:
  """Draws class means and noise with one decaying spectrum, mixed and cut off at zero.

  Args:
    n: Samples.
    d: Features.
    k: Classes.
    z: Source classes.
    r: Reference features.
    m: Source samples.
    seed: Of the draw.
  """
  rng = np.random.default_rng(seed)
  y = rng.permutation(np.arange(n) % k)
  spectrum = np.arange(1, d + 1) ** -0.6
  means = 0.6 * rng.standard_normal((k, d)) * spectrum
  mixing = rng.standard_normal((d, d)) / np.sqrt(d)

  def network(latent):
    features = latent @ mixing
    return np.maximum(features * (2 / features.std()) + 0.2, 0).astype(np.float32)

  latent = rng.standard_normal((n, d)) * spectrum + means[y]
  x = network(latent)
  source = network(rng.standard_normal((m, d)) * spectrum * 1.2)
  logits = 3 * latent[:, :100] @ rng.standard_normal((100, z))
  probs = np.exp(logits - logits.max(axis=1, keepdims=True))
  probs /= probs.sum(axis=1, keepdims=True)
  reference = np.tanh(latent @ rng.standard_normal((d, r)))
  return Inputs(
    x,
    y.astype(np.int32),
    probs.astype(np.float32),
    reference.astype(np.float32),
    source,
  )
