"""The learning rate, step by step."""

import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.finetune._schedule import scheduled_rate


@pytest.mark.parametrize("warmup", [0, 4])
def test_a_linear_rise_and_half_a_cosine(warmup):
  peak, total = 0.3, 20
  found = [
    float(
      scheduled_rate(
        step, peak=jnp.float32(peak), warmup=warmup, total=jnp.int32(total)
      )
    )
    for step in range(total)
  ]
  rise = [peak * (s + 1) / warmup for s in range(warmup)]
  left = np.arange(total - warmup)
  fall = peak * (1 + np.cos(np.pi * left / (total - warmup))) / 2
  np.testing.assert_allclose(found, [*rise, *fall], rtol=1e-6, atol=1e-8)


def test_a_run_shorter_than_its_rise():
  found = float(scheduled_rate(1, peak=jnp.float32(1.0), warmup=10, total=jnp.int32(3)))
  assert found == pytest.approx(0.2)
