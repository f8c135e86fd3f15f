"""What LogME, the H-scores and PED are timed against equals them."""

import jax
import numpy as np
import pytest

import lead_jax
from experiments.benchmark.metrics_inputs import make_inputs
from experiments.benchmark.metrics_peers_moments import PEERS


@pytest.mark.parametrize(
  ("name", "peer", "options"), PEERS, ids=[name for name, _, _ in PEERS]
)
def test_peer_is_ours(name, peer, options):
  drawn = make_inputs(n=600, d=100, k=5, z=3, r=3, m=100)
  inputs = type(drawn)(
    *(a.astype(np.float64) if a.dtype.kind == "f" else a for a in drawn)
  )
  with jax.enable_x64(True):
    ours = lead_jax.score(
      name, inputs.x, inputs.y, source_features=inputs.source_features, **options
    )
  np.testing.assert_allclose(peer(inputs), ours, rtol=1e-6)
