"""What the metrics are timed against has their value."""

import jax
import pytest

from experiments.benchmark.metrics_inputs import make_inputs
from experiments.benchmark.metrics_peers_geometry import PEERS
from lead_jax import metrics


@pytest.mark.parametrize(
  ("name", "peer", "options"), PEERS, ids=[f"{n}-{o}" for n, _, o in PEERS]
)
def test_peer_has_our_value(name, peer, options):
  with jax.enable_x64(True):
    inputs = make_inputs(n=160, d=100, k=5, z=6, r=10, m=20)
    inputs = inputs._replace(
      x=inputs.x.astype("float64"),
      reference_features=inputs.reference_features.astype("float64"),
    )
    ours = metrics.score(
      name, inputs.x, inputs.y, reference_features=inputs.reference_features, **options
    )
    assert peer(inputs) == pytest.approx(ours, rel=1e-8)
