"""LEAD in sample, step by step, against NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import logits, ntk
from lead_jax.dynamics import _in_sample as module
from lead_jax.dynamics._config import LeadConfig, lead_config
from lead_jax.dynamics._in_sample import (
  LeadRates,
  LeadResult,
  evolve,
  lead,
  lead_rates,
  lead_start,
  rescore_in_pool,
  transfer_score,
)
from lead_jax.dynamics._rates import Network

Y = np.array([0, 1, 2, 1, 0, 1, 1])
RATES = np.array([2.0, 0.5, 1.0], np.float32)
NETWORK = Network(lambda params, x: x, {}, lambda rows: rows)
SMALL = LeadConfig(hidden=(4, 3), head_seeds=2, samples_per_class=4)


def features():
  return np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)


def probabilities(seed=0):
  found = np.random.default_rng(seed).dirichlet(np.ones(3), size=7)
  return jnp.asarray(found, jnp.float32)


def log_p_of(final):
  final = np.asarray(final, np.float64)
  log_p = final - np.log(np.exp(final).sum(axis=1, keepdims=True))
  return log_p[np.arange(7), Y].mean()


def moved(start, exponent):
  keep = np.exp(-np.asarray(exponent, np.float64))[Y][:, None]
  return (1 - keep) * np.eye(3)[Y] + keep * np.asarray(start, np.float64)


def test_scores_of_logits_and_of_probabilities():
  final = 3 * probabilities()
  assert transfer_score(final, jnp.asarray(Y)) == pytest.approx(log_p_of(final))
  p = probabilities(1)
  own = np.asarray(p, np.float64)[np.arange(7), Y]
  assert np.any(own > 0.5)
  assert np.any(own < 0.5)
  found = transfer_score(p, jnp.asarray(Y), "log_probability")
  assert found == pytest.approx(np.log(own).mean(), rel=1e-6)


def test_small_probabilities_keep_their_digits():
  p = jnp.asarray([[1e-7, 1.0], [1.0, 3e-7]])
  found = transfer_score(p, jnp.asarray([0, 1]), "log_probability")
  assert found == pytest.approx(np.log([1e-7, 3e-7]).mean(), rel=1e-6)


def test_probabilities_near_one_keep_their_digits():
  p = jnp.asarray([[1.0, 1e-12], [3e-12, 1.0]])
  found = transfer_score(p, jnp.asarray([0, 1]), "log_probability")
  assert found == pytest.approx(-2e-12, rel=1e-5)
  # A half is no case of either kind: both ways give its logarithm.
  half = jnp.asarray([[0.5, 0.5], [0.0, 1.0]])
  found = transfer_score(half, jnp.asarray([0, 1]), "log_probability")
  assert found == pytest.approx(np.log(0.5) / 2)


def run(start=None, x=None, **options):
  config = dataclasses.replace(SMALL, **options)
  start = probabilities() if start is None else start
  return evolve(
    start, x, jnp.asarray(Y), jnp.asarray(RATES), key=jax.random.key(7), config=config
  )


def test_every_class_moves_at_its_rate():
  start = probabilities()
  found = run(t=3.0, eta=0.5, unit=0.2)
  np.testing.assert_allclose(found, moved(start, 0.3 * RATES), rtol=1e-5)
  relative = run(t=3.0, eta=0.5, unit=0.2, time="relative")
  expected = moved(start, 3.0 * RATES / RATES.mean())
  np.testing.assert_allclose(relative, expected, rtol=1e-5)
  kept = run(evolution="constant", coefficient=0.3)
  np.testing.assert_allclose(kept, 0.7 * np.eye(3)[Y] + 0.3 * start, rtol=1e-5)


def test_the_mean_rate_leaves_out_classes_without_samples():
  config = dataclasses.replace(SMALL, time="relative")
  rates = jnp.asarray([2.0, 0.5, jnp.nan])
  y = jnp.asarray([0, 1, 0])
  found = evolve(
    probabilities()[:3], None, y, rates, key=jax.random.key(0), config=config
  )
  keep = np.exp(-np.array([2.0, 0.5, 2.0]) / 1.25)[:, None]
  start = np.asarray(probabilities()[:3])
  np.testing.assert_allclose(
    found, (1 - keep) * np.eye(3)[np.array([0, 1, 0])] + keep * start, rtol=1e-5
  )


@pytest.mark.parametrize("initializer", ["he_normal", "ntk"])
def test_the_full_kernel_is_of_the_head_that_the_key_draws(initializer):
  x = jnp.asarray(features())
  options = {"initializer": initializer, "t": 0.3, "unit": 1.0}
  found = run(x=x, evolution="full_kernel", **options)
  head = ntk.MLPHead(3, (4, 3), initializer)
  params = ntk.init_head(head, jax.random.key(7), 3)
  kernel = ntk.head_kernel(params, x, initializer=initializer)
  values, vectors = np.linalg.eigh(np.asarray(kernel, np.float64))
  kept = vectors @ np.diag(np.exp(-0.3 * values)) @ vectors.T
  onehot = np.eye(3)[Y]
  expected = onehot + kept @ (np.asarray(probabilities()) - onehot)
  np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_full_kernel_needs_features_and_not_too_many():
  with pytest.raises(ValueError, match="evolution='full_kernel' needs the features"):
    run(evolution="full_kernel")
  many = jnp.zeros((10_001, 1))
  with pytest.raises(ValueError, match="evolution='full_kernel' compares all of"):
    evolve(
      jnp.zeros((10_001, 3)),
      many,
      jnp.zeros(10_001, int),
      jnp.asarray(RATES),
      key=jax.random.key(0),
      config=dataclasses.replace(SMALL, evolution="full_kernel"),
    )


def test_the_cross_entropy_flow_is_given_rates_per_sample(monkeypatch):
  seen = []

  def flow(*given):
    seen.extend(given)
    return given[0]

  monkeypatch.setattr(module.logits, "cross_entropy_flow", flow)
  run(evolution="cross_entropy", t=3.0, eta=0.5, unit=0.2)
  np.testing.assert_array_equal(seen[2], RATES[Y])
  assert seen[3] == pytest.approx(0.3)


RATES_HK = np.array([[2.0, 0.5, 1.0], [1.0, 1.5, 4.0]], np.float32)


def scored(**options):
  start = logits.InitialLogits(probabilities(), jnp.asarray(False))
  rates = LeadRates(jnp.asarray(RATES_HK), None, jnp.asarray(0.25))
  return lead(
    features(),
    Y,
    key=jax.random.key(0),
    config=dataclasses.replace(SMALL, **options),
    start=start,
    rates=rates,
  )


def test_a_score_is_made_of_start_and_rates():
  found = scored(unit=0.3)
  start = probabilities()
  mean = RATES_HK.mean(axis=0)
  final = moved(start, 0.3 * mean)
  np.testing.assert_allclose(found.final_logits, final, rtol=1e-5)
  np.testing.assert_allclose(found.lambda_c, mean)
  np.testing.assert_allclose(found.score, log_p_of(final), rtol=1e-5)
  heads = [log_p_of(moved(start, 0.3 * rates)) for rates in RATES_HK]
  np.testing.assert_allclose(found.score_per_head, heads, rtol=1e-5)
  np.testing.assert_allclose(found.rate_per_head, RATES_HK.mean(axis=1), rtol=1e-6)
  np.testing.assert_array_equal(found.log_init, start)
  assert found.trace_gap == 0.25
  assert not found.converged
  assert found.spectra is None
  mixed = scored(unit=0.3, evolution="mixed", loss="log_probability")
  np.testing.assert_array_equal(mixed.final_logits, found.final_logits)
  assert mixed.score_per_head.shape == (2,)
  own = final[np.arange(7), Y]
  np.testing.assert_allclose(mixed.score, np.log(own).mean(), rtol=1e-5)
  assert scored(evolution="constant").score_per_head.shape == (0,)


def test_an_empty_class_has_no_part_in_a_heads_rate():
  rates = LeadRates(jnp.asarray([[1.0, 3.0, jnp.nan]]), None)
  np.testing.assert_array_equal(rates.per_head(), [2.0])
  assert rates.trace_gap is None


def test_what_is_static_may_be_given_under_jit():
  """The real steps, compiled: options are no arrays."""
  x, y = jnp.asarray(features()), jnp.asarray(Y)
  config = dataclasses.replace(SMALL, classifier="lda", rates="expected")
  start = lead_start(x, y, config=config, num_classes=3)
  np.testing.assert_allclose(jnp.sum(start.log_init, axis=1), 1, rtol=1e-5)
  key = jax.random.key(0)
  rates = lead_rates(x, y, key=key, config=config, num_classes=3)
  assert rates.rates_hk.shape == (1, 3)


def test_every_option_of_the_start_is_passed_on(monkeypatch):
  seen = []

  def start(x, labels, **options):
    seen.append((np.asarray(x), options))

  monkeypatch.setattr(module, "_initial_logits_jit", start)
  config = LeadConfig(c=3.0, tol=1e-3, initial_folds=2, feature_scale="rms")
  lead_start(jnp.asarray(features()), jnp.asarray(Y), config=config, num_classes=5)
  other = LeadConfig(classifier="lda", normalisation="sigmoid_l1")
  lead_start(jnp.asarray(features()), jnp.asarray(Y), config=other, num_classes=3)
  (x, options), (_, others) = seen
  assert np.mean(x**2) == pytest.approx(1, rel=1e-5)
  common = {"num_classes": 5, "classifier": "svm", "normalisation": "softmax"}
  assert options == {**common, "c": 3.0, "tol": 1e-3, "folds": 2}
  assert (others["classifier"], others["normalisation"]) == ("lda", "sigmoid_l1")
  assert (others["num_classes"], others["folds"]) == (3, 0)


def test_rates_are_of_the_scaled_features_and_the_keys_first_half(monkeypatch):
  seen = []

  def rates(x, labels, **options):
    seen.append((np.asarray(x), options))
    return jnp.ones((1, 3)), None, None

  monkeypatch.setattr(module, "_class_rates_jit", rates)
  key = jax.random.key(3)
  config = dataclasses.replace(SMALL, feature_scale="sample", t=5.0)
  found = lead_rates(
    jnp.asarray(features()), jnp.asarray(Y), key=key, config=config, num_classes=3
  )
  assert isinstance(found, LeadRates)
  ((x, options),) = seen
  np.testing.assert_allclose(np.mean(x**2, axis=1), 1, rtol=1e-5)
  assert options["num_classes"] == 3
  assert options["key"] == jax.random.split(key)[0]
  assert options["config"] == dataclasses.replace(SMALL)


def test_the_whole_networks_rates_take_the_network(monkeypatch):
  seen = []

  def rates(network, labels, **options):
    seen.append((network, options))
    return jnp.ones((2, 3))

  monkeypatch.setattr(module, "network_class_rates", rates)
  config = dataclasses.replace(SMALL, params="all")
  given = jnp.asarray(features())
  key = jax.random.key(3)
  found = lead_rates(
    given, jnp.asarray(Y), key=key, config=config, num_classes=3, network=NETWORK
  )
  assert found.spectra is None
  assert found.rates_hk.dtype == given.dtype
  ((network, options),) = seen
  assert network is NETWORK
  assert (options["num_classes"], options["dim"], options["config"]) == (3, 3, config)
  assert options["key"] == jax.random.split(key)[0]
  with pytest.raises(ValueError, match="params='all' needs network"):
    lead_rates(given, jnp.asarray(Y), key=key, config=config, num_classes=3)


def test_lead_takes_its_parts_from_one_key(monkeypatch):
  """Half of the key draws the rates; the other half the head of the full kernel."""
  seen = {}

  def start(x, labels, *, config, num_classes):
    assert isinstance(labels, jax.Array)
    seen["start"] = (x.dtype.name, num_classes)
    return logits.InitialLogits(probabilities(), jnp.asarray(True))

  def rates(x, labels, *, key, config, num_classes, network):
    seen["rates"] = (x.dtype.name, key, num_classes, network)
    return LeadRates(jnp.asarray(RATES_HK), None)

  def predict(log_init, x, labels, rates_hk, key, *, config):
    seen["predict"] = (x, key, config)
    return 1.0, 2.0, 3.0, 4.0

  monkeypatch.setattr(module, "lead_start", start)
  monkeypatch.setattr(module, "lead_rates", rates)
  monkeypatch.setattr(module, "_predict_jit", predict)
  key = jax.random.key(5)
  config = dataclasses.replace(SMALL, evolution="full_kernel", feature_scale="rms")
  x = features().astype(np.float16)
  found = lead(x, Y, key=key, config=config, network=NETWORK)
  assert found[:2] == (1.0, 2.0)
  assert found.final_logits == 3.0
  assert found.score_per_head == 4.0
  assert found.converged
  assert seen["start"] == ("float32", 3)
  assert seen["rates"] == ("float32", key, 3, NETWORK)
  scaled, kernel_key, used = seen["predict"]
  assert np.mean(np.square(scaled)) == pytest.approx(1, rel=1e-5)
  assert kernel_key == jax.random.split(key)[1]
  assert used == config
  # Ids are taken as they are where the number of classes is given.
  lead(x, Y.tolist(), key=key, num_classes=5)
  assert seen["start"] == ("float32", 5)
  assert seen["predict"][0] is None
  assert seen["predict"][2] == LeadConfig()
  with jax.enable_x64(True):
    lead(features().astype(np.float64), Y, key=key, config=SMALL)
    assert seen["start"] == ("float64", 3)
  with pytest.raises(ValueError, match="key"):
    lead(x, Y, key=3)


def test_a_pool_has_one_clock():
  config = lead_config("normalised", t=0.7)
  results, expected = [], []
  first = np.array([1.0, 2.0, np.nan])
  for index, rates in enumerate((RATES, first)):
    result = LeadResult(0.0, jnp.asarray(rates), probabilities(index), *[None] * 5, 0.0)
    results.append(result)
  pool = np.mean([RATES.mean(), 1.5])
  for index, rates in enumerate((RATES, np.array([1.0, 2.0, 9.0]))):
    expected.append(log_p_of(moved(probabilities(index), 0.7 * rates / pool)))
  present = np.isfinite(first)[Y]
  assert not present.all()
  found = rescore_in_pool(results[:1] * 2, jnp.asarray(Y), config)
  alone = log_p_of(moved(probabilities(0), 0.7 * RATES / RATES.mean()))
  np.testing.assert_allclose(found, [alone, alone], rtol=1e-5)
  # A model whose last class is empty counts by its others.
  found = rescore_in_pool(results, Y, config)
  np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)


@pytest.mark.parametrize(
  "options", [{"time": "absolute"}, {"evolution": "constant"}, {"evolution": "mixed"}]
)
def test_what_may_be_scored_in_a_pool(options):
  config = dataclasses.replace(SMALL, **{"time": "relative", **options})
  result = LeadResult(0.0, jnp.asarray(RATES), probabilities(), *[None] * 5, 0.0)
  if options == {"evolution": "mixed"}:
    assert len(rescore_in_pool([result], jnp.asarray(Y), config)) == 1
  else:
    with pytest.raises(ValueError, match="config must have time='relative'"):
      rescore_in_pool([result], jnp.asarray(Y), config)
