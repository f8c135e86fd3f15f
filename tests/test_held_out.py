"""LEAD out of sample: invariances, limits, and what it must not be fooled by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lead_jax
from lead_jax import HeldOutConfig, InputError
from lead_jax.feature_scale import scale_features
from lead_jax.held_out import (
  compensated,
  held_out_kernel,
  held_out_score,
  inverse_temperature,
)
from lead_jax.logits import held_out_flow, kernel_spectrum

SMALL = {"hidden": (32, 64), "head_seeds": 2}


def blobs(n=60, d=9, k=3, apart=0.8, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  return rng.standard_normal((n, d)) + apart * rng.standard_normal((k, d))[y], y


@pytest.mark.parametrize("kernel", ["wide", "sampled", "linear"])
@pytest.mark.parametrize("dynamics", ["flow", "ridge"])
def test_runs_under_jit_and_is_what_it_composes(x64, kernel, dynamics):
  x, y = blobs()
  x = jnp.asarray(x, jnp.float64 if x64 else jnp.float32)
  config = HeldOutConfig(kernel=kernel, dynamics=dynamics, **SMALL)
  run = lambda x, y: lead_jax.lead_held_out(
    x, y, key=jax.random.key(0), config=config, num_classes=3
  )
  result = jax.jit(run)(x, jnp.asarray(y))
  assert result.score.dtype == x.dtype
  fair = np.array(result.held_out_logits)
  fair[np.arange(60), y] *= 20 / 19
  score = held_out_score(jnp.asarray(fair), jnp.asarray(y), config.loss)
  np.testing.assert_allclose(result.score, score, rtol=1e-5)
  np.testing.assert_allclose(result.accuracy, (fair.argmax(axis=1) == y).mean())
  plain = lead_jax.lead_held_out(x, y, key=jax.random.key(0), config=config)
  np.testing.assert_allclose(result.score, plain.score, rtol=1e-10 if x64 else 1e-4)
  # On the samples that were trained on the same logits look better than they are.
  trained = held_out_score(result.trained_logits, jnp.asarray(y), config.loss)
  assert trained > result.score


def test_flow_of_the_kernel_at_the_relative_time():
  x, y = (jnp.asarray(a) for a in blobs())
  config = HeldOutConfig(t=3.0)
  kernel = held_out_kernel(x.astype(jnp.float32), key=None, config=config)
  eta_t = 3.0 / (jnp.trace(kernel) / 60)
  expected = held_out_flow(kernel_spectrum(kernel), jax.nn.one_hot(y, 3), eta_t)
  result = lead_jax.lead_held_out(x.astype(jnp.float32), y, config=config)
  np.testing.assert_allclose(result.held_out_logits, expected, atol=1e-5)


def test_order_rotation_and_scale_do_not_matter():
  x, y = blobs()
  score = lambda x, y=y: float(lead_jax.lead_held_out(x, y).score)
  base = score(x)
  order = np.random.default_rng(1).permutation(len(y))
  assert score(x[order], y[order]) == pytest.approx(base, rel=1e-5)
  turn = np.linalg.qr(np.random.default_rng(2).standard_normal((9, 9)))[0]
  assert score(x @ turn) == pytest.approx(base, rel=1e-5)
  for factor in (1e-12, 1e12):
    assert score(x * factor) == pytest.approx(base, rel=1e-5)
  # Each sample's own size is taken away too, but not under `rms`.
  sizes = np.linspace(0.1, 10, len(y))[:, None]
  assert score(x * sizes) == pytest.approx(base, rel=1e-5)
  rms = HeldOutConfig(feature_scale="rms")
  sized = float(lead_jax.lead_held_out(x * sizes, y, config=rms).score)
  assert abs(sized - float(lead_jax.lead_held_out(x, y, config=rms).score)) > 1e-3


def test_noise_scores_no_better_than_knowing_nothing():
  """What LEAD's own score does not punish: labels that features cannot predict."""
  rng = np.random.default_rng(0)
  x, y = rng.standard_normal((80, 200)), np.arange(80) % 4
  noise = lead_jax.lead_held_out(x, y)
  assert -np.log(4) - 1e-6 <= noise.score < -1.3  # knowing nothing is -log 4 = -1.386
  assert noise.accuracy < 0.45
  trained = held_out_score(noise.trained_logits, jnp.asarray(y), HeldOutConfig().loss)
  assert trained > noise.score + 0.5
  assert lead_jax.lead_held_out(*blobs(80, 200, 4, apart=2)).score > noise.score + 0.5


def test_few_samples_are_not_held_against_their_own_class():
  """Two a class: without a sample half of its class is gone."""
  rng = np.random.default_rng(0)
  before, after = [], []
  for _ in range(30):
    x, y = rng.standard_normal((20, 50)), np.arange(20) % 10
    found = lead_jax.lead_held_out(x, y, num_classes=10).held_out_logits
    own = np.eye(10, dtype=bool)[y]
    for logits, ratios in (
      (np.asarray(found), before),
      (np.asarray(compensated(found, jnp.asarray(y))), after),
    ):
      ratios.append(logits[own].mean() / logits[~own].mean())
  # Features that know nothing speak for no class.
  np.testing.assert_allclose(np.mean(before), 0.5, atol=0.1)
  np.testing.assert_allclose(np.mean(after), 1.0, atol=0.2)
  alone = compensated(jnp.ones((3, 2)), jnp.asarray([0, 1, 1]))
  np.testing.assert_allclose(alone, [[1, 1], [1, 2], [1, 2]])


def test_separate_classes_reach_zero():
  y = np.arange(30) % 3
  x = np.eye(3)[y] + 1e-3 * np.random.default_rng(0).standard_normal((30, 3))
  result = lead_jax.lead_held_out(x, y, config=HeldOutConfig(t=1e3))
  assert -1e-3 < result.score <= 0
  assert result.accuracy == 1


def test_losses():
  logits, y = jnp.asarray([[2.0, 0.0], [1.0, 0.0]]), jnp.asarray([0, 1])
  assert held_out_score(logits, y, "accuracy") == 0.5
  assert held_out_score(logits, y, "squared_error") == -1.5
  log_p = lambda beta: -np.log1p(np.exp(beta * np.asarray([-2.0, 1.0]))).mean()
  assert held_out_score(logits, y, "cross_entropy") == pytest.approx(log_p(1))
  best = max(log_p(beta) for beta in np.linspace(0, 100, 100_001))
  calibrated = held_out_score(logits, y, "calibrated_cross_entropy")
  assert calibrated == pytest.approx(best, abs=1e-6)


def test_temperatures_at_their_bounds():
  y = jnp.asarray([0, 1])
  right, wrong = jnp.eye(2), jnp.eye(2)[::-1]
  assert inverse_temperature(right, y) == pytest.approx(100)
  assert inverse_temperature(wrong, y) == pytest.approx(0, abs=1e-6)
  nothing = held_out_score(wrong, y, "calibrated_cross_entropy")
  assert nothing == pytest.approx(-np.log(2), abs=1e-6)
  # Models that make no error are still told apart, by their margins.
  close = held_out_score(0.05 * right, y, "calibrated_cross_entropy")
  assert close < held_out_score(0.1 * right, y, "calibrated_cross_entropy") < 0


def test_scales():
  x = jnp.asarray([[3.0, 4.0], [0.0, 0.0], [30.0, 40.0]])
  by_sample = scale_features(x, "sample")
  np.testing.assert_allclose(by_sample[0], np.asarray([3, 4]) / 12.5**0.5, rtol=1e-6)
  np.testing.assert_array_equal(by_sample[1], 0)
  np.testing.assert_allclose(by_sample[2], by_sample[0], rtol=1e-6)
  np.testing.assert_allclose(jnp.mean(scale_features(x, "rms") ** 2), 1, rtol=1e-6)
  np.testing.assert_array_equal(scale_features(x, "none"), x)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"kernel": "rbf"}, "kernel must be one of .* got 'rbf'"),
    ({"dynamics": "sgd"}, "dynamics must be one of .* got 'sgd'"),
    ({"loss": "hinge"}, "loss must be one of .* got 'hinge'"),
    ({"feature_scale": "max"}, "feature_scale must be one of .* got 'max'"),
    ({"t": 0}, "t must be above 0 and finite, got 0.0"),
    ({"t": float("inf")}, "t must be above 0 and finite, got inf"),
    ({"head_seeds": 0}, "head_seeds must be at least 1, got 0"),
    ({"hidden": (0,)}, "hidden must hold widths of at least 1"),
  ],
)
def test_wrong_options_are_named(options, message):
  with pytest.raises(ValueError, match=message):
    HeldOutConfig(**options)


def test_what_cannot_be_scored_is_named():
  x, y = blobs()
  with pytest.raises(InputError, match="single class"):
    lead_jax.lead_held_out(x, np.zeros(60, int))
  with pytest.raises(ValueError, match="kernel='sampled' draws heads: give a key"):
    lead_jax.lead_held_out(x, y, config=HeldOutConfig(kernel="sampled"))
  with pytest.raises(ValueError, match="class 'rare' has 1 sample"):
    lead_jax.score("lead_held_out", x, ["rare"] + ["b", "c"] * 29 + ["b"])
  with pytest.raises(ValueError, match="'lead_held_out' has no option 'rates'"):
    lead_jax.score("lead_held_out", x, y, rates="expected")


def test_many_samples_are_drawn_several_times():
  x, y = blobs(200)
  problem = lead_jax.metrics.Problem(x, y)
  drawn = lead_jax.metrics.evaluate_metric("lead_held_out", problem, samples=50)
  assert drawn.details["samples"] == 50
  assert drawn.spread.draws == "3 draws"
  assert drawn.spread.std > 0
  whole = lead_jax.metrics.evaluate_metric("lead_held_out", problem)
  assert whole.spread is None
  assert drawn.score == pytest.approx(whole.score, abs=0.2)
