"""The steps of LEAD out of sample, one by one, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from lead_jax import InputError, ntk
from lead_jax.dynamics import _out_of_sample as module
from lead_jax.dynamics._out_of_sample import (
  HeldOutConfig,
  compensated,
  held_out_kernel,
  held_out_result,
  held_out_score,
  held_out_spectrum,
  inverse_temperature,
  lead_held_out,
  lead_held_out_spectrum,
  spectrum_config,
)
from lead_jax.dynamics._sizes import MAX_SAMPLES, refuse_many_samples

Y = np.array([0, 1, 2, 1, 0, 1, 1])


def logits(seed=0, n=7, k=4):
  found = np.random.default_rng(seed).standard_normal((n, k)) + 0.5
  return found.astype(np.float32)


def test_compensation_is_the_mean_over_others_per_sample_of_the_class():
  """Of four classes one is empty: nothing is added for it."""
  raw = logits()
  expected = raw.astype(np.float64)
  for c in range(3):
    own = c == Y
    expected[own, c] += raw[~own, c].mean() / own.sum()
  np.testing.assert_allclose(compensated(raw, jnp.asarray(Y)), expected, rtol=1e-6)
  # One other sample is asked alone, and a class of one sample is given the whole.
  few = jnp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
  found = compensated(few, jnp.asarray([0, 0, 1]))
  np.testing.assert_allclose(found, [[3.5, 2], [5.5, 4], [5, 9]])
  # Where all samples are of one class there are no others to ask.
  alone = jnp.zeros(3, int)
  np.testing.assert_array_equal(compensated(raw[:3], alone), raw[:3])


def losses(fair):
  own = np.eye(fair.shape[1])[Y]
  log_p = lambda beta: log_softmax(beta * fair, axis=1)[np.arange(len(Y)), Y].mean()
  best = minimize_scalar(lambda b: -log_p(b), bounds=(0, 50), options={"xatol": 1e-9})
  return {
    "accuracy": np.mean(fair.argmax(axis=1) == Y),
    "squared_error": -np.mean(np.sum((fair - own) ** 2, axis=1)),
    "cross_entropy": log_p(1),
    "calibrated_cross_entropy": -best.fun,
  }, best.x


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_scores_are_those_of_numpy(scale):
  raw = logits() + np.eye(4, dtype=np.float32)[Y]
  fair = np.asarray(compensated(scale * raw, jnp.asarray(Y)), np.float64)
  expected, _ = losses(fair / scale if scale != 1 else fair)
  unscaled, beta = losses(fair / scale)
  plain, _ = losses(fair)
  for loss in ("accuracy", "squared_error", "cross_entropy"):
    found = held_out_score(scale * raw, jnp.asarray(Y), loss)
    assert found == pytest.approx(plain[loss], rel=1e-5), loss
  found = held_out_score(scale * raw, jnp.asarray(Y), "calibrated_cross_entropy")
  assert found == pytest.approx(expected["calibrated_cross_entropy"], rel=1e-6)
  assert 0 < beta < 10
  factor = inverse_temperature(jnp.asarray(fair, jnp.float32), jnp.asarray(Y))
  assert factor * scale == pytest.approx(beta, rel=2e-4)
  assert unscaled["accuracy"] == expected["accuracy"]


def test_scores_near_zero_keep_their_digits():
  """-log p of a probability that rounds to one."""
  raw = jnp.asarray([[20.0, 0.0], [0.0, 20.0]])
  found = held_out_score(raw, jnp.asarray([0, 1]), "cross_entropy")
  assert found == pytest.approx(-np.log1p(np.exp(-20.0)), rel=1e-5)


def test_the_temperature_is_found_to_the_digits_of_forty_bisections():
  with jax.enable_x64(True):
    fair = np.asarray(logits(1), np.float64) + np.eye(4)[Y]
    _, beta = losses(fair)
    found = float(inverse_temperature(jnp.asarray(fair), jnp.asarray(Y)))
    assert found == pytest.approx(beta, rel=1e-7)
    # At the bound: 100 over the root mean square of the own logits' lead.
    right = np.diag([1.0, 2.0, 3.0])
    lead = np.array([0, 1, 1, 2, 0, 2, 3, 3, 0])
    bound = 100 / np.sqrt(np.mean(np.square(lead)))
    largest = float(inverse_temperature(jnp.asarray(right), jnp.arange(3)))
    assert largest == pytest.approx(bound, rel=1e-9)
    # As little as a bisection can tell from zero is told: every step halves the bracket.
    flat = np.asarray([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0 - 1e-9]])
    assert float(inverse_temperature(jnp.asarray(flat), jnp.asarray([0, 1, 1]))) > 0


def test_temperatures_at_their_bounds():
  y = jnp.asarray([0, 1])
  right, wrong = jnp.eye(2), jnp.eye(2)[::-1]
  assert inverse_temperature(right, y) == pytest.approx(100 * 2**0.5, rel=1e-3)
  assert inverse_temperature(wrong, y) == 0
  assert inverse_temperature(jnp.ones((2, 2)), y) == 0
  nothing = held_out_score(wrong, y, "calibrated_cross_entropy")
  assert nothing == pytest.approx(-np.log(2), abs=1e-6)


@pytest.mark.parametrize("kernel", ["wide", "sampled", "linear"])
@pytest.mark.parametrize(("centred", "scale"), [(True, "sample"), (False, "rms")])
def test_kernels_are_those_of_the_head(kernel, centred, scale):
  x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32) + 1
  options = {"hidden": (5, 4), "head_seeds": 2, "initializer": "torch"}
  config = HeldOutConfig(kernel=kernel, centred=centred, feature_scale=scale, **options)
  key = jax.random.key(0)
  found = held_out_kernel(jnp.asarray(x), key=key, config=config)
  wide = x.astype(np.float64)
  wide = wide - wide.mean(axis=0) if centred else wide
  axis = 1 if scale == "sample" else None
  wide = wide / np.sqrt(np.mean(wide**2, axis=axis, keepdims=True))
  x_nd = jnp.asarray(wide, jnp.float32)
  if kernel == "linear":
    expected = wide @ wide.T
  elif kernel == "wide":
    expected = ntk.wide_head_kernel(x_nd, hidden=(5, 4), initializer="torch")
  else:
    head = ntk.MLPHead(1, (5, 4), "torch")
    expected = np.mean(
      [
        ntk.head_kernel(ntk.init_head(head, k, 3), x_nd, initializer="torch")
        for k in jax.random.split(key, 2)
      ],
      axis=0,
    )
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
  spectrum = held_out_spectrum(jnp.asarray(x), key, config=config)
  values = np.linalg.eigvalsh(np.asarray(expected, np.float64))
  top = values.max()
  np.testing.assert_allclose(spectrum.values, values, atol=1e-5 * top)


@pytest.mark.parametrize("size", [0.1, 2.0])
def test_logits_are_flow_or_ridge_at_the_mean_eigenvalues_time(size):
  rng = np.random.default_rng(2)
  x = size * rng.standard_normal((7, 5))
  with jax.enable_x64(True):
    options = {"kernel": "linear", "feature_scale": "none", "t": 3.0}
    config = HeldOutConfig(dynamics="ridge", **options)
    spectrum = held_out_spectrum(jnp.asarray(x), None, config=config)
    found = held_out_result(spectrum, jnp.asarray(Y), num_classes=3, config=config)
    values, vectors = map(np.asarray, spectrum)
    ridge = values.mean() / 3.0
    assert found.mean_eigenvalue == pytest.approx(values.mean(), rel=1e-12)
    residual = vectors @ np.diag(ridge / (values + ridge)) @ vectors.T
    onehot = np.eye(3)[Y]
    np.testing.assert_allclose(found.trained_logits, onehot - residual @ onehot)
    left_out = onehot - residual @ onehot / np.diag(residual)[:, None]
    np.testing.assert_allclose(found.held_out_logits, left_out, atol=1e-12)
    flow = held_out_result(
      spectrum,
      jnp.asarray(Y),
      num_classes=3,
      config=HeldOutConfig(loss="squared_error", **options),
    )
    kept = vectors @ np.diag(np.exp(-values / ridge)) @ vectors.T
    np.testing.assert_allclose(flow.trained_logits, onehot - kept @ onehot, atol=1e-12)
    fair = np.asarray(compensated(flow.held_out_logits, jnp.asarray(Y)))
    assert flow.accuracy == np.mean(fair.argmax(axis=1) == Y)
    assert flow.score == pytest.approx(-np.mean(np.sum((fair - onehot) ** 2, axis=1)))


def test_features_that_are_all_the_same_know_nothing():
  """Calibrated, the rounding of one's own label would be a perfect score."""
  # A kernel of zeros: time has no unit, and nothing is learnt.
  flat = lead_held_out(np.ones((7, 2)), Y, config=HeldOutConfig(kernel="linear"))
  assert flat.mean_eigenvalue == 0
  np.testing.assert_array_equal(flat.held_out_logits, 0)
  np.testing.assert_array_equal(flat.trained_logits, 0)
  assert flat.score == pytest.approx(-np.log(3), rel=1e-6)


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("kernel", "linear"),
    ("hidden", (7,)),
    ("initializer", "torch"),
    ("head_seeds", 3),
    ("centred", False),
    ("feature_scale", "rms"),
  ],
)
def test_what_the_spectrum_depends_on_is_kept(name, value):
  assert getattr(spectrum_config(HeldOutConfig(**{name: value})), name) == value
  rest = HeldOutConfig(t=3.0, loss="accuracy", dynamics="ridge")
  assert spectrum_config(rest) == HeldOutConfig()


def test_a_spectrum_is_used_where_it_is_given(monkeypatch):
  x = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float16)
  config = HeldOutConfig(kernel="linear")
  spectrum = lead_held_out_spectrum(x, config=config)
  assert spectrum.values.dtype == np.float32
  whole = lead_held_out(x, Y, config=config)
  monkeypatch.setattr(module, "lead_held_out_spectrum", None)
  shared = lead_held_out(x, Y, config=config, spectrum=spectrum)
  assert shared.score == whole.score
  with jax.enable_x64(True):
    wide = lead_held_out(np.asarray(x, np.float64), Y, config=config, spectrum=spectrum)
  assert wide.score == pytest.approx(float(whole.score), rel=1e-5)
  assert wide.held_out_logits.dtype == np.float32


def test_a_key_is_looked_at_only_where_heads_are_drawn():
  x = np.random.default_rng(0).standard_normal((7, 3))
  linear = HeldOutConfig(kernel="linear")
  without = lead_held_out(x, Y, config=linear)
  key = jax.random.key(0)
  assert lead_held_out(x, Y, config=linear, key=key).score == without.score
  default = lead_held_out(x, Y, config=HeldOutConfig())
  assert lead_held_out(x, Y).score == default.score != without.score
  drawn = HeldOutConfig(kernel="sampled", hidden=(3,), head_seeds=1)
  assert lead_held_out(x, Y, key=jax.random.key(0), config=drawn).score < 0
  with pytest.raises(ValueError, match="key"):
    lead_held_out(x, Y, config=HeldOutConfig(kernel="sampled"), key=7)
  with pytest.raises(ValueError, match="kernel='sampled' draws heads: give a key"):
    lead_held_out(x, Y, config=HeldOutConfig(kernel="sampled"))


def test_too_many_samples_are_refused_before_any_memory_is_taken():
  x = np.broadcast_to(np.float32(0), (50_000, 3))
  message = "lead_held_out compares all of 50,000 samples .* about 80 GB: give at most"
  with pytest.raises(InputError, match=message):
    lead_held_out(x, np.zeros(50_000, int), num_classes=2)
  with pytest.raises(InputError, match="at most 40"):
    lead_held_out(np.ones((41, 2)), np.arange(41) % 2, max_samples=40)


def test_how_many_samples_are_too_many():
  assert MAX_SAMPLES == 10_000
  refuse_many_samples(10_000, "it")
  with pytest.raises(
    ValueError, match=r"it compares all of 10,001 .* about 3 GB: give"
  ):
    refuse_many_samples(10_001, "it")
  refuse_many_samples(3, "it", most=3)
  with pytest.raises(ValueError, match="give at most 3;"):
    refuse_many_samples(4, "it", most=3)
