"""LEAD out of sample: invariances, limits, and what it must not be fooled by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

import lead_jax
from lead_jax import HeldOutConfig, InputError
from lead_jax.dynamics._feature_scale import scale_features
from lead_jax.dynamics._out_of_sample import (
  compensated,
  held_out_score,
)

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
  found = np.asarray(compensated(result.held_out_logits, jnp.asarray(y)))
  np.testing.assert_allclose(result.accuracy, (found.argmax(axis=1) == y).mean())
  plain = lead_jax.lead_held_out(x, y, key=jax.random.key(0), config=config)
  np.testing.assert_allclose(result.score, plain.score, rtol=1e-10 if x64 else 1e-4)
  # On the samples that were trained on the same logits look better than they are.
  trained = held_out_score(result.trained_logits, jnp.asarray(y), config.loss)
  assert trained > result.score


def oracle(x, y, t):
  """The whole method in NumPy: arc-cosine kernel, N trainings, a search for the factor."""
  n, k = len(y), y.max() + 1
  x = x - x.mean(axis=0)
  x = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True))
  kernel = np.zeros((n, n))
  for i, j in np.ndindex(n, n):
    dot, norm, backward, terms, active = x[i] @ x[j], x[i] @ x[i], [], [], []
    fan_in = x.shape[1]
    for width in (1024, 2048):
      terms.append(dot + 1)
      angle = np.arccos(np.clip(dot / norm, -1, 1))
      active.append(1 - angle / np.pi)
      dot = norm * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
      dot, norm, fan_in = dot * width / fan_in, norm * width / fan_in, width
    backward = [active[0] * active[1], active[1], 1.0]
    kernel[i, j] = np.dot([*terms, dot + 1], backward)
  eta_t = t / np.trace(kernel) * n
  logits = np.zeros((n, k))
  for i in range(n):
    rest = np.delete(np.arange(n), i)
    s, u = np.linalg.eigh(kernel[np.ix_(rest, rest)])
    inner = (-np.expm1(-eta_t * s) / s)[:, None] * (u.T @ np.eye(k)[y[rest]])
    logits[i] = kernel[i, rest] @ u @ inner
  fair = logits.copy()
  for c in range(k):
    fair[y == c, c] += logits[y != c, c].mean() / np.sum(y == c)
  loss = lambda beta: -np.mean(log_softmax(beta * fair, axis=1)[np.arange(n), y])
  best = minimize_scalar(loss, bounds=(0, 300), options={"xatol": 1e-9})
  return logits, -best.fun


def test_is_the_method_step_by_step():
  x, y = blobs(24, 5, apart=1.0)
  for t in (0.5, 3.0):
    logits, score = oracle(x, y, t)
    with jax.enable_x64(True):
      result = lead_jax.lead_held_out(x, y, config=HeldOutConfig(t=t))
    np.testing.assert_allclose(result.held_out_logits, logits, atol=1e-9)
    np.testing.assert_allclose(result.score, score, rtol=1e-7)
    single = lead_jax.lead_held_out(x.astype(np.float32), y, config=HeldOutConfig(t=t))
    np.testing.assert_allclose(single.score, score, rtol=5e-5)  # seen: 1.2e-6


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
  # Each sample's own size about the mean is taken away too, but not under `rms`.
  sizes = np.linspace(0.1, 10, len(y))[:, None]
  about = lambda x, **options: float(
    lead_jax.lead_held_out(x, y, config=HeldOutConfig(centred=False, **options)).score
  )
  assert about(x * sizes) == pytest.approx(about(x), rel=1e-5)
  rms = {"feature_scale": "rms"}
  assert abs(about(x * sizes, **rms) - about(x, **rms)) > 1e-3


@pytest.mark.parametrize("kernel", ["wide", "linear", "sampled"])
@pytest.mark.parametrize("feature_scale", ["sample", "none"])
def test_a_shift_does_not_matter_and_float32_keeps_its_digits(kernel, feature_scale):
  x, y = blobs(90)
  config = HeldOutConfig(kernel=kernel, feature_scale=feature_scale, **SMALL)
  score = lambda x: float(
    lead_jax.lead_held_out(x, y, key=jax.random.key(0), config=config).score
  )
  base = score(x.astype(np.float32))
  for offset in (1.0, 300.0, 1e4):
    # The features themselves are rounded to a thousandth of their spread at the most.
    moved = (x + offset * np.linspace(-1, 2, 9)).astype(np.float32)
    assert score(moved) == pytest.approx(base, rel=2e-3), offset


def test_without_centring_float32_keeps_the_digits_of_nearly_parallel_samples():
  x, y = blobs(90)
  config = HeldOutConfig(centred=False)
  for offset, tolerance in ((10.0, 1e-3), (300.0, 1e-2)):
    moved = (x + offset).astype(np.float32)
    single = float(lead_jax.lead_held_out(moved, y, config=config).score)
    with jax.enable_x64(True):
      wide = moved.astype(np.float64)
      double = float(lead_jax.lead_held_out(wide, y, config=config).score)
    assert single == pytest.approx(double, rel=tolerance), offset
  with jax.enable_x64(True):  # location counts then
    unmoved = float(lead_jax.lead_held_out(x, y, config=config).score)
  assert abs(double - unmoved) > 1e-3


def test_accuracy_has_one_meaning():
  # Two samples per class: without a sample half of its class is gone.
  x, y = blobs(40, 12, 20, apart=1.5)
  result = lead_jax.lead_held_out(x, y, config=HeldOutConfig(loss="accuracy"))
  assert float(result.accuracy) == float(result.score) > 0.3
  raw = np.asarray(result.held_out_logits).argmax(axis=1) == y
  assert raw.mean() < result.accuracy
  other = lead_jax.lead_held_out(x, y)
  assert float(other.accuracy) == float(result.score)


def test_noise_scores_no_better_than_knowing_nothing():
  """What LEAD's own score does not punish: labels that features cannot predict."""
  rng = np.random.default_rng(0)
  x, y = rng.standard_normal((80, 200)), np.arange(80) % 4
  noise = lead_jax.lead_held_out(x, y)
  assert noise.score == pytest.approx(-np.log(4), abs=0.02)
  trained = held_out_score(noise.trained_logits, jnp.asarray(y), HeldOutConfig().loss)
  assert trained > noise.score + 0.5
  assert lead_jax.lead_held_out(*blobs(80, 200, 4, apart=2)).score > noise.score + 0.5


def test_few_samples_are_not_held_against_their_own_class():
  """Two a class: without a sample half of its class is gone; no label helps itself."""
  rng = np.random.default_rng(0)
  ratios, scores, right = [], [], []
  for _ in range(20):
    x, y = rng.standard_normal((60, 64)), np.arange(60) % 30
    result = lead_jax.lead_held_out(x, y, num_classes=30)
    fair = np.asarray(compensated(result.held_out_logits, jnp.asarray(y)))
    own = np.eye(30, dtype=bool)[y]
    raw = np.asarray(result.held_out_logits)
    ratios.append((raw[own].mean() / raw[~own].mean(), fair[own].mean() / fair.mean()))
    scores.append(float(result.score))
    right.append(float(np.mean(fair.argmax(axis=1) == y)))
  # Features that know nothing speak for no class, and are worth nothing.
  np.testing.assert_allclose(np.mean(ratios, axis=0), [0.5, 1.0], atol=0.05)
  assert np.mean(right) < 1 / 30 + 3 * np.std(right) / 20**0.5
  # The temperature is fitted, so chance is never worse than nothing: .006 nats here.
  assert np.mean(scores) == pytest.approx(-np.log(30), abs=0.01)


def test_separate_classes_reach_zero():
  y = np.arange(30) % 3
  x = np.eye(3)[y] + 1e-3 * np.random.default_rng(0).standard_normal((30, 3))
  result = lead_jax.lead_held_out(x, y, config=HeldOutConfig(t=1e3))
  assert -1e-3 < result.score <= 0
  assert result.accuracy == 1


def test_losses():
  # Nobody's logits say anything of the others' classes: nothing to make up for.
  logits, y = jnp.asarray([[2.0, 0.0], [0.0, -1.0]]), jnp.asarray([0, 1])
  np.testing.assert_array_equal(compensated(logits, y), logits)
  assert held_out_score(logits, y, "accuracy") == 0.5
  assert held_out_score(logits, y, "squared_error") == -2.5
  log_p = lambda beta: -np.log1p(np.exp(beta * np.asarray([-2.0, 1.0]))).mean()
  assert held_out_score(logits, y, "cross_entropy") == pytest.approx(log_p(1))
  best = max(log_p(beta) for beta in np.linspace(0, 10, 100_001))
  for scale in (1e-3, 1.0, 1e3):  # the unit of the logits is the temperature's affair
    calibrated = held_out_score(scale * logits, y, "calibrated_cross_entropy")
    assert calibrated == pytest.approx(best, abs=1e-6)


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
    ({"t": 0}, "t must be above 0 and finite, got 0"),
    ({"t": float("inf")}, "t must be above 0 and finite, got inf"),
    ({"head_seeds": 0}, "head_seeds must be at least 1, got 0"),
    ({"hidden": (0,)}, "hidden must hold whole numbers, each in .1, 65536"),
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
