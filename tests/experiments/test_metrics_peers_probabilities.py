"""The peers of the benchmark give what ours give, at small N in float64."""

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA

import lead_jax
from experiments.benchmark import metrics_peers_probabilities as peers
from experiments.benchmark.metrics_inputs import make_inputs
from lead_jax.metrics import _nleep as nleep
from lead_jax.statistics._mixture import fit_mixture

GIVEN = make_inputs(n=240, d=104, k=4, z=30, r=5, m=10)
X = GIVEN.x.astype(np.float64)
THETA = GIVEN.source_probs.astype(np.float64)
THETA = THETA / THETA.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["leep", "nce", "pactran_dirichlet", "pactran_gamma"])
def test_peers_of_source_probabilities(name):
  with jax.enable_x64(True):
    ours = lead_jax.score(name, X, GIVEN.y, source_probs=THETA)
  theirs = getattr(peers, f"peer_{name}")(THETA, GIVEN.y)
  np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_peer_of_pactran_gauss():
  with jax.enable_x64(True):
    ours = lead_jax.score("pactran_gauss", X, GIVEN.y)
  theirs = peers.peer_pactran_gauss(X, GIVEN.y, tolerance=1e-9)
  np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_peer_of_nleep_from_the_same_start():
  low = PCA(n_components=0.8).fit_transform(X)
  start = (np.argsort(np.argsort(low[:, 0])) // 12).astype(np.int32)
  with jax.enable_x64(True):
    mixture = jax.jit(fit_mixture, static_argnames="components")(
      low, start, components=20
    )
    ours = nleep.nleep(mixture.posteriors(240), GIVEN.y, num_classes=4)
  theirs = peers.peer_nleep(X, GIVEN.y, start=start)
  np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_peers_are_of_metrics_that_exist():
  assert {name for name, _, _ in peers.PEERS} <= set(lead_jax.metrics.METRICS)
