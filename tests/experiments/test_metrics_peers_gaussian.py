"""What ours is measured against gives the same numbers."""

import jax
import numpy as np
import pytest

from experiments.benchmark.metrics_inputs import make_inputs
from experiments.benchmark.metrics_peers_gaussian import PEERS
from lead_jax import score


@pytest.mark.parametrize(
  "row", PEERS, ids=[f"{name}-{options}" for name, _, options in PEERS]
)
def test_peer_is_equal_in_value(row):
  name, peer, options = row
  inputs = make_inputs(n=600, d=100, k=7, z=5, r=3, m=2)
  inputs = inputs._replace(x=inputs.x.astype(np.float64))
  with jax.enable_x64(True):
    ours = score(name, inputs.x, inputs.y, **options)
  assert ours == pytest.approx(peer(inputs), rel=1e-8)
