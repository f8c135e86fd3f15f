"""The table of metrics: every entry scores, declares its options, refuses bad input."""

import jax.numpy as jnp
import numpy as np
import pytest

import lead_jax
from lead_jax import metrics
from lead_jax.metrics._metric import Problem
from lead_jax.statistics import _discriminant

FAST = {"hidden": (16, 8), "head_seeds": 2, "samples_per_class": 10}


def _data(n=60, d=6, k=3, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  return (rng.normal(size=(k, d))[y] + rng.normal(size=(n, d))).astype(np.float32), y


def _options(name):
  return {k: v for k, v in FAST.items() if k in metrics.METRICS[name].options.names()}


def _needs(name, x):
  """Arrays that a metric needs beside features and labels."""
  x = np.asarray(x, np.float64)
  logits = x[:, :5] @ np.random.default_rng(3).normal(size=(5, 4))
  probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  there = {"source_probs": probs, "reference_features": np.tanh(logits)}
  arrays = metrics.METRICS[name].arrays
  return {key: value for key, value in there.items() if key in arrays}


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_metric_scores(name):
  x, y = _data()
  options = {**_needs(name, x), **_options(name)}
  score = lead_jax.score(name, x, y, **options)
  assert isinstance(score, float)
  assert np.isfinite(score)
  assert score == lead_jax.score(name, x, y, **options)  # run to run
  names = np.array(["ant", "bee", "cat"])[y]
  assert score == lead_jax.score(name, x, names, **options)
  half = lead_jax.score(name, x.astype(np.float16), y, **options)
  np.testing.assert_allclose(half, score, rtol=0.05)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_unknown_options_are_refused(name):
  with pytest.raises(ValueError, match="has no option 'colour'; it has: "):
    lead_jax.score(name, *_data(), colour=1)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_random_is_declared(name):
  x, y = _data()
  options = {**_needs(name, x), **_options(name)}
  if "samples" in metrics.METRICS[name].options.names():
    options["samples"] = 50  # all of them where they are few: no chance then
  values = [
    metrics.evaluate_metric(name, _problem(x, y, seed, options), **_hyper(options))
    for seed in (0, 1)
  ]
  random = metrics.METRICS[name].random
  assert (values[0].score != values[1].score) == random
  # What is random says by how much.
  assert (values[0].spread is not None) == random
  assert all(value.spread is None or value.spread.std > 0 for value in values)


def _problem(x, y, seed, options):
  return Problem(x, y, seed=seed, **{k: v for k, v in options.items() if _is_array(k)})


def _hyper(options):
  return {k: v for k, v in options.items() if not _is_array(k)}


def _is_array(name):
  return name in ("source_probs", "reference_features")


@pytest.mark.parametrize("name", metrics.METRICS)
def test_what_is_needed_is_asked_for(name):
  x, y = _data()
  for need in metrics.METRICS[name].needs:
    message = f"{name} needs {need.replace('|', ' or ')}: "
    with pytest.raises(ValueError, match=message):
      lead_jax.score(name, x, y, **_options(name))


def test_few_samples_are_said():
  x, y = _data(n=30, d=40)
  value = metrics.evaluate_metric("sfda", Problem(x, y))
  assert "N/D is 0.75, below 1" in value.status
  y = np.where(np.arange(30) < 1, 7, np.arange(30) % 3)
  value = metrics.evaluate_metric("gbc", Problem(x, y))
  assert "class '7' has 1 of the 2 samples needed" in value.status


def test_arrays_are_checked():
  x, y = _data()
  for name, array, message in (
    ("source_probs", np.full((60, 2), 0.7), "row 0 of source_probs is no distribution"),
    ("source_probs", np.full((59, 2), 0.5), "source_probs have 59 rows"),
    ("source_features", np.ones((9, 5)), "source_features have 5 columns"),
    ("reference_features", np.ones((9, 5)), "reference_features have 9 rows"),
    ("gmm_responsibilities", np.full((60, 2), np.nan), "gmm_responsibilities hold 120"),
  ):
    with pytest.raises(ValueError, match=message):
      lead_jax.score("knn", x, y, **{name: array})


def test_a_pool_of_models():
  x, y = _data()
  pool = [x, x[:, :3], 2 * x]
  scores = lead_jax.score_pool("ncti", pool, y)
  parts = [metrics.evaluate_metric("ncti", Problem(f, y)).parts for f in pool]
  assert scores == pytest.approx(metrics.METRICS["ncti"].pool(parts))
  assert lead_jax.score_pool("knn", pool[:2], y) == [
    lead_jax.score("knn", features, y) for features in pool[:2]
  ]
  with pytest.raises(ValueError, match="the pool is empty"):
    lead_jax.score_pool("etran", [], y)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_bad_input_is_refused(name):
  x, y = _data()
  with pytest.raises(ValueError, match="NaN or infinite"):
    lead_jax.score(name, np.where(x == x[0, 0], np.nan, x), y)
  with pytest.raises(ValueError, match="single class"):
    lead_jax.score(name, x, np.zeros(60, int))
  with pytest.raises(ValueError, match="at least 2 samples"):
    lead_jax.score(name, x[:1], y[:1])
  with pytest.raises(ValueError, match="60 samples but labels have 59"):
    lead_jax.score(name, x, y[:-1])


def test_unknown_metric():
  with pytest.raises(
    ValueError, match=r"no metric 'linear-probe': did you mean linear_"
  ):
    lead_jax.score("linear-probe", *_data())


def test_probe_says_what_it_could_not_do():
  x, y = _data(n=30)
  y = np.where(np.arange(30) < 3, 7, y)
  value = metrics.evaluate_metric("linear_probe", Problem(x, y))
  assert value.status == "3 folds: class '7' has 3 samples"
  assert value.details["folds"] == 3
  assert value.details["log_likelihood"] < 0
  y = np.where(np.arange(30) < 1, 7, np.arange(30) % 3)
  with pytest.raises(
    ValueError, match="class '7' has 1 sample: cross-validation needs"
  ):
    lead_jax.score("linear_probe", x, y)


def test_wrong_shapes_are_caught_in_the_tests():
  """The import hook of conftest.py is at work."""
  with pytest.raises(Exception, match="_factor"):
    _discriminant._factor(None, jnp.ones((3,)))


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (
      ("gbc", {"pca_dim": "8"}),
      "metric 'gbc': pca_dim must be a whole number or None, got '8'",
    ),
    (("gbc", {"pca_dim": 2.5}), "pca_dim must be a whole number or None, got 2.5"),
    (("knn", {"k": True}), "k must be a whole number, got True"),
    (("linear_probe", {"l2": float("inf")}), "l2 must be above 0 and finite, got inf"),
    (("nleep", {"log": 1}), "log must be true or false, got 1"),
    (("ped_gbc", {"pca_dim": "a"}), "metric 'ped_gbc': "),
    (("knn", {"seed": -1}), "seed must be a whole number in"),
    ((3, {}), "a metric is a lead_jax.metrics.Metric or its name, got 3"),
  ],
)
def test_options_of_another_kind(call, message):
  name, options = call
  with pytest.raises(ValueError, match=message):
    lead_jax.score(name, *_data(), **options)


def test_input_of_another_kind():
  x, y = _data()
  for features, labels, message in (
    (x, None, "labels must be a list or an array"),
    ([[1.0, 2.0], [1.0]], [0, 1], "features cannot be made an array"),
    (x.astype(float) * 1e60, y, "beyond float32"),
  ):
    with pytest.raises(ValueError, match=message):
      lead_jax.score("knn", features, labels)
  value = metrics.evaluate_metric("sfda", Problem(np.ones_like(x), y))
  assert "every sample has the same features" in value.status
  with pytest.raises(ValueError, match="model 1 of the pool: features have 5 samples"):
    lead_jax.score_pool("knn", [x, x[:5]], y)


@pytest.mark.parametrize("name", metrics.METRICS)
@pytest.mark.parametrize("scale", [1e-20, 1e-30, 1e18])
def test_no_scale_gives_a_wrong_number(name, scale):
  """Squares of these leave float32: an error, not a value that is not the metric's."""
  x, y = _data()
  options = {**_needs(name, x), **_options(name)}
  with pytest.raises(ValueError, match=r"squares (underflow|overflow) float32; "):
    lead_jax.score(name, x * np.float32(scale), y, **options)


# The least and largest that are let through. Metrics with a constant of their own (LogME's
# 1e-5, the variance of GBC, 1e-4) are invariant only where it does not bind.
@pytest.mark.parametrize(
  "name",
  [
    "lead_normalised",
    "log_init",
    "constant",
    "knn",
    "linear_probe",
    "h_score",
    "h_score_regularized",
    "nearest_centroid",
    "etran_lda",
    "parc",
    "rsa",
    "dds",
    "transrate",
  ],
)
@pytest.mark.parametrize("scale", [2.0**-39, 2.0**53])
def test_scale_invariance_holds_wherever_there_is_a_score(name, scale):
  x, y = _data()
  options = {**_needs(name, x), **_options(name)}
  if "classifier" in metrics.METRICS[name].options.names():
    options["classifier"] = "lda"  # an SVM's penalty has a scale
  base = lead_jax.score(name, x, y, **options)
  got = lead_jax.score(name, x * np.float32(scale), y, **options)
  np.testing.assert_allclose(got, base, rtol=1e-4)


def test_small_features_are_an_error_but_zero_ones_are_constant(x64):
  x, y = _data()
  x = x.astype(np.float64)
  with pytest.raises(ValueError, match=r"at most .*multiply them by a number first"):
    lead_jax.score("knn", x * 1e-300, y)
  assert np.isfinite(lead_jax.score("knn", 0 * x, y))
  if x64:
    assert lead_jax.score("knn", x * 1e-30, y) == lead_jax.score("knn", x, y)


def _pool():
  """Three models' features, and what else they have."""
  x, y = _data()
  rng = np.random.default_rng(5)
  pool = [x, x + 2 * rng.normal(size=x.shape), x[:, :4]]
  probs = [rng.dirichlet(np.ones(z), 60) for z in (4, 7, 5)]
  source = [rng.normal(size=(50, features.shape[1])) for features in pool]
  return pool, y, probs, source


def test_a_pool_takes_what_each_model_has():
  pool, y, probs, source = _pool()
  reference = np.tanh(pool[0])
  for name, each, shared in (
    ("leep", {"source_probs": probs}, {}),
    ("nleep", {"gmm_responsibilities": probs}, {}),
    ("ped_sfda", {"source_features": source}, {}),
    ("rsa", {}, {"reference_features": reference}),
  ):
    got = lead_jax.score_pool(name, pool, y, **each, **shared)
    for index, features in enumerate(pool):
      own = {key: arrays[index] for key, arrays in each.items()}
      assert got[index] == lead_jax.score(name, features, y, **own, **shared), name
    assert len(set(got)) == 3
    without = lead_jax.score_pool(name, pool, y) if name == "ped_sfda" else None
    assert got != without


def test_a_pool_says_whose_array_is_missing_or_wrong():
  pool, y, probs, _ = _pool()
  with pytest.raises(ValueError, match="source_probs are 2 for a pool of 3 models"):
    lead_jax.score_pool("leep", pool, y, source_probs=probs[:2])
  with pytest.raises(ValueError, match="model 1 of the pool: leep needs source_probs"):
    lead_jax.score_pool("leep", pool, y, source_probs=[probs[0], None, probs[2]])
  with pytest.raises(
    ValueError, match=r"model 2 of the pool: source_probs have 59 rows"
  ):
    lead_jax.score_pool("leep", pool, y, source_probs=[*probs[:2], probs[2][:59]])
