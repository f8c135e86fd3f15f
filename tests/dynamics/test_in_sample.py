"""LEAD against an independent autograd computation, its limits and its invariances."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lead_jax
from experiments.agreement.base import CASES, load_case
from lead_jax import logits, ntk
from lead_jax.dynamics import _rates as class_rates_module
from lead_jax.dynamics._config import LeadConfig, lead_config
from lead_jax.dynamics._feature_scale import scale_features
from lead_jax.dynamics._in_sample import (
  LeadResult,
  lead_rates,
  rescore_in_pool,
  transfer_score,
)
from lead_jax.dynamics._rates import class_rates
from tests.tolerances import ORACLE, SUM, assert_close

SMALL = LeadConfig(hidden=(32, 64), head_seeds=2, samples_per_class=10)


def _data(seed=0, n=60, d=12, k=3, dtype=np.float32, spread=1.5):
  rng = np.random.default_rng(seed)
  labels = rng.integers(0, k, n)
  centres = rng.normal(size=(k, d)) * spread
  return (centres[labels] + rng.normal(size=(n, d))).astype(dtype), labels


@pytest.mark.parametrize("case", CASES)
def test_oracle_in_float32(case):
  _, features, labels, arrays, scores, *_ = load_case(case)
  k = int(labels.max()) + 1
  dtype = np.float32  # tests/test_agreement.py compares float64
  as_layer = lambda i: {
    "kernel": jnp.asarray(arrays[f"W{i}"].T.astype(dtype)),
    "bias": jnp.asarray(arrays[f"b{i}"].astype(dtype)),
  }
  params = {f"layer_{i - 1}": as_layer(i) for i in (1, 2, 3)}
  features = jnp.asarray(features.astype(dtype))
  indices, mask = ntk.class_indices(labels, num_classes=k, samples_per_class=64)
  spectra = ntk.class_spectra(ntk.class_kernels(params, features, indices, mask), mask)
  rates = ntk.mean_eigenvalues(spectra, mask)
  assert_close(
    rates, np.array(scores["LEADpaper_lambda_bar(all params incl bias)"]), ORACLE
  )
  eigenvalues = np.array(scores["LEADpaper_eigs_class0"])[::-1]
  assert_close(spectra[0, : len(eigenvalues)], eigenvalues, ORACLE)

  decision = jnp.asarray(arrays["svm_decision"].astype(dtype))
  checked = 0
  for name, normalisation in (
    ("softmax", "softmax"),
    ("sigmoidL1", "sigmoid_l1"),
    ("raw", "none"),
  ):
    start = logits.normalise_decisions(decision, normalisation)
    for time, eta_t in (("1e-3", 1e-3), ("1overmean", 1 / float(jnp.mean(rates)))):
      final = logits.evolve_class_aware(start, labels, rates, eta_t)
      for suffix, loss in (
        ("softmax", "softmax_cross_entropy"),
        ("prob", "log_probability"),
      ):
        key = f"LEADpaper_{name}_etat{time}_negCE_{suffix}"
        if key in scores:
          ours = transfer_score(final, labels, loss)
          # Below 1e-15 the reference is its own rounding: log(1 - 2^-53 n).
          np.testing.assert_allclose(ours, scores[key], rtol=1e-5, atol=1e-15)
          checked += 1
  assert checked == 10


@pytest.mark.parametrize("classifier", ["svm", "lda", "gmm"])
def test_limits_in_time(x64, classifier):
  x, y = _data(dtype=np.float64, n=200, spread=0.3)
  config = dataclasses.replace(SMALL, classifier=classifier)
  at = lambda t: lead_jax.lead(
    x, y, key=jax.random.key(0), config=dataclasses.replace(config, t=t)
  )
  start, middle, end = at(0.0), at(200.0), at(1e12)
  np.testing.assert_array_equal(start.final_logits, start.log_init)
  assert_close(end.final_logits, np.eye(3)[y], SUM)
  assert start.score < middle.score < end.score < 0


def test_score_is_the_cross_entropy_of_the_predicted_logits():
  x, y = _data()
  result = lead_jax.lead(x, y, key=jax.random.key(0), config=SMALL)
  assert isinstance(result, LeadResult)
  f = np.asarray(result.final_logits, np.float64)
  log_p = f - np.log(np.exp(f).sum(1, keepdims=True))
  np.testing.assert_allclose(
    result.score, log_p[np.arange(len(y)), y].mean(), rtol=1e-5
  )
  keep = np.exp(-1e-6 * np.asarray(result.lambda_c, np.float64))[y][:, None]
  expected = (1 - keep) * np.eye(3)[y] + keep * np.asarray(result.log_init)
  np.testing.assert_allclose(f, expected, rtol=1e-5)


def test_spectra_and_traces_give_the_same(x64):
  x, y = _data(n=40)
  by_trace = dataclasses.replace(SMALL, spectra=False)
  a = lead_jax.lead(x, y, key=jax.random.key(3), config=by_trace)
  b = lead_jax.lead(x, y, key=jax.random.key(3), config=SMALL)
  assert a.spectra is a.trace_gap is None
  assert 0 < b.trace_gap < 1e-5
  assert b.spectra.shape == (3, 10)
  np.testing.assert_allclose(a.lambda_c, b.lambda_c, rtol=1e-5)
  np.testing.assert_allclose(np.mean(b.spectra, axis=1), b.lambda_c, rtol=1e-5)
  assert np.all(np.diff(b.spectra, axis=1) <= 0)


@pytest.mark.parametrize("shape", [(60, 4), (24, 50)])
def test_spectra_by_blocks_of_classes_are_those_at_once(monkeypatch, shape):
  """Classes of different sizes, one of them empty; more samples than features and fewer."""
  n, _ = shape
  x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
  y = jnp.asarray(np.arange(n) % 5 // 2 + (np.arange(n) < 3))  # class 4 is empty
  run = lambda: lead_rates(
    jnp.asarray(x), y, key=jax.random.key(0), config=SMALL, num_classes=5
  )
  whole = run()
  monkeypatch.setattr(class_rates_module, "_ENTRIES", 2 * SMALL.samples_per_class**2)
  jax.clear_caches()
  blocks = run()
  assert whole.spectra.shape == (5, SMALL.samples_per_class)
  # Of eigenvalues up to 5,669; observed 0.001, two units in the last place.
  np.testing.assert_allclose(blocks.spectra, whole.spectra, rtol=1e-6, atol=3e-3)
  np.testing.assert_allclose(blocks.rates_hk, whole.rates_hk, rtol=1e-6)
  assert np.all(np.isnan(whole.rates_hk[:, 4]))
  assert whole.trace_gap < 1e-5


def test_which_samples_of_a_class_are_taken():
  x, y = _data(n=60)
  first = np.concatenate([np.flatnonzero(y == c)[:4] for c in range(3)])
  rates = lambda x, y, sampling, seed: lead_rates(
    jnp.asarray(x),
    jnp.asarray(y),
    key=jax.random.key(seed),
    config=lead_config(samples_per_class=4, sampling=sampling, rates="expected"),
    num_classes=3,
  ).rates_hk[0]
  expected = rates(x[first], y[first], "first", 0)
  for seed in (0, 1):
    np.testing.assert_array_equal(rates(x, y, "first", seed), expected)
    drawn = rates(x, y, "random", seed)
    assert np.all(np.abs(drawn - expected) > 1e-3 * expected)
  assert np.all(rates(x, y, "random", 0) != rates(x, y, "random", 1))


def test_every_sample_of_a_class_is_drawn_equally_often():
  y = jnp.asarray(np.arange(30) % 2)
  indices = jax.vmap(
    lambda key: ntk.class_indices(y, num_classes=2, samples_per_class=5, key=key)[0]
  )(jax.random.split(jax.random.key(0), 600))
  times = np.bincount(np.asarray(indices).ravel(), minlength=30)
  # 29 degrees of freedom, of draws without replacement: 99.9 % lie below 58.
  assert np.sum((times - 200) ** 2 / 200) < 58


def test_the_rate_of_a_head_is_its_mean_over_classes():
  x, y = _data(n=60)
  result = lead_jax.lead(x, y, key=jax.random.key(3), config=SMALL)
  rates_hk = lead_rates(
    jnp.asarray(x), jnp.asarray(y), key=jax.random.key(3), config=SMALL, num_classes=3
  ).rates_hk
  np.testing.assert_allclose(result.rate_per_head, rates_hk.mean(axis=1), rtol=1e-6)
  np.testing.assert_allclose(result.lambda_c, rates_hk.mean(axis=0), rtol=1e-6)
  assert abs(result.rate_per_head[0] / result.rate_per_head[1] - 1) > 1e-3


def test_sampled_rates_approach_the_expected_ones():
  x, y = _data(n=90)
  rates = lambda **options: (
    lead_jax.lead(
      x,
      y,
      key=jax.random.key(0),
      config=lead_config(
        hidden=(256, 512),
        samples_per_class=20,
        sampling="first",
        spectra=False,
        **options,
      ),
    ).lambda_c
  )
  np.testing.assert_allclose(rates(head_seeds=64), rates(rates="expected"), rtol=0.04)


def test_expected_rates_are_affine_in_the_mean_squared_norm():
  x, y = _data(d=20, n=50)
  config = lead_config(rates="expected", samples_per_class=1000)
  got = lead_jax.lead(x, y, key=jax.random.key(0), config=config).lambda_c
  norms = np.array([np.mean(np.sum(x[y == c] ** 2, axis=1)) for c in range(3)])
  np.testing.assert_allclose(got, 3 * ((20 + 3072) * norms / 20 + 3), rtol=1e-5)


def test_rescaling_features_moves_the_paper_form_and_not_the_normalised_one(x64):
  """Why two variants ship: lambda follows the squared norm, and with it the ranking."""
  models = [_data(seed) for seed in range(4)]
  scores = {}
  for variant in ("paper", "normalised"):
    config = lead_config(variant, head_seeds=2, hidden=(64, 64), unit=1e-4)
    for factor in (1.0, 0.03):
      scores[variant, factor] = [
        float(lead_jax.lead(x * f, y, key=jax.random.key(0), config=config).score)
        for (x, y), f in zip(models, [factor, 1, 1, 1], strict=True)
      ]
  np.testing.assert_allclose(
    scores["normalised", 1.0], scores["normalised", 0.03], rtol=1e-4
  )
  ranks = lambda row: np.argsort(row).tolist()
  assert ranks(scores["paper", 1.0]) != ranks(scores["paper", 0.03])


def test_permuting_samples_and_renaming_classes_changes_nothing():
  x, y = _data()
  order = np.random.default_rng(1).permutation(len(y))
  config = dataclasses.replace(SMALL, samples_per_class=100)  # all of them
  first = lead_jax.lead(x, y, key=jax.random.key(0), config=config)
  moved = lead_jax.lead(x[order], y[order], key=jax.random.key(0), config=config)
  names = np.array(["ant", "bee", "cat"])[y]
  named = lead_jax.lead(x, names, key=jax.random.key(0), config=config)
  np.testing.assert_allclose(moved.score, first.score, rtol=1e-5)
  np.testing.assert_allclose(moved.lambda_c, first.lambda_c, rtol=1e-5)
  np.testing.assert_array_equal(named.final_logits, first.final_logits)


def test_same_key_same_bits_other_key_other_heads():
  x, y = _data()
  run = lambda seed: lead_jax.lead(x, y, key=jax.random.key(seed), config=SMALL)
  assert run(0).score == run(0).score
  assert run(0).lambda_c[0] != run(1).lambda_c[0]
  assert run(0).score_per_head.shape == (2,)
  assert run(0).score_per_head[0] != run(0).score_per_head[1]


@pytest.mark.parametrize(
  "options",
  [
    {"evolution": "mixed"},
    {"evolution": "constant", "coefficient": 0.3},
    {"evolution": "full_kernel"},
    {"evolution": "cross_entropy"},
    {"time": "relative"},
    {"normalisation": "sigmoid_l1", "loss": "log_probability"},
    {"normalisation": "none"},
    {"initializer": "torch"},
    {"initializer": "ntk", "time": "relative"},
  ],
  ids=str,
)
def test_every_alternative_runs_and_differs_from_the_default(options):
  x, y = _data()
  base = dataclasses.replace(SMALL, unit=1e-4)
  score = lambda config: float(
    lead_jax.lead(x, y, key=jax.random.key(0), config=config).score
  )
  other = score(dataclasses.replace(base, **options))
  assert np.isfinite(other)
  assert other <= 0
  assert other != score(base)


def test_mixed_gives_every_class_the_same_rate():
  x, y = _data()
  config = dataclasses.replace(SMALL, evolution="mixed")
  rates = lead_jax.lead(x, y, key=jax.random.key(0), config=config).lambda_c
  assert rates.shape == (3,)
  assert np.ptp(rates) == 0


def test_runs_under_jit_with_known_classes():
  x, y = _data()
  inside = jax.jit(
    lambda x, y, key: lead_jax.lead(x, y, key=key, config=SMALL, num_classes=3).score
  )
  outside = lead_jax.lead(x, y, key=jax.random.key(0), config=SMALL).score
  np.testing.assert_allclose(inside(x, y, jax.random.key(0)), outside, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_feature_dtypes(dtype):
  x, y = _data()
  score = lead_jax.lead(x.astype(dtype), y, key=jax.random.key(0), config=SMALL).score
  reference = lead_jax.lead(x, y, key=jax.random.key(0), config=SMALL).score
  np.testing.assert_allclose(score, reference, rtol=2e-3)


def test_pool_relative_time():
  config = dataclasses.replace(SMALL, time="relative")
  data = [_data(seed) for seed in (0, 0)]
  y = data[0][1]
  results = [
    lead_jax.lead(x * scale, y, key=jax.random.key(0), config=config)
    for (x, _), scale in zip(data, (1.0, 3.0), strict=True)
  ]
  slow, fast = rescore_in_pool(results, y, config)
  # In common time the model with the larger rates gets further than in its own.
  assert slow < results[0].score
  assert fast > results[1].score
  alone = rescore_in_pool(results[:1], y, config)
  np.testing.assert_allclose(alone[0], results[0].score, rtol=1e-5)
  with pytest.raises(ValueError, match="time='relative'"):
    rescore_in_pool(results, y, SMALL)


def test_rates_do_not_mind_extreme_scales():
  x, y = _data()
  x = scale_features(jnp.asarray(x) * 1e25, "rms")
  np.testing.assert_allclose(jnp.mean(jnp.square(x)), 1.0, rtol=1e-5)
  rates, _ = class_rates(
    x, jnp.asarray(y), num_classes=3, key=jax.random.key(0), config=SMALL
  )
  assert np.all(np.isfinite(rates))


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"initializer": "xavier"}, "initializer must be one of .* got 'xavier'"),
    ({"evolution": "linear"}, "evolution must be one of .* got 'linear'"),
    ({"head_seeds": 0}, "head_seeds must be at least 1, got 0"),
    ({"initial_folds": 1}, "initial_folds must be 0, or at least 2 .* got 1"),
    ({"initial_folds": 5, "classifier": "gmm"}, "got 5 with 'gmm'"),
    ({"t": -1.0}, "t must be at least 0, got -1.0"),
    ({"t": float("nan")}, "t must be at least 0, got nan"),
    ({"c": 0.0}, "c must be above 0"),
    ({"coefficient": 1.5}, r"coefficient must be in \[0, 1\], got 1.5"),
    ({"loss": "log_probability", "normalisation": "none"}, "needs F_t to be a prob"),
    ({"spectra": True, "rates": "expected"}, "needs rates='sampled'"),
    ({"evolution": "full_kernel", "rates": "expected"}, "needs rates='sampled'"),
    ({"params": "all", "spectra": True}, "needs rates='sampled' and spectra=False"),
    ({"params": "all", "evolution": "full_kernel"}, "has no full kernel"),
    ({"params": "all", "feature_scale": "rms"}, "needs feature_scale='none'"),
    ({"hidden": 16}, "hidden must be a tuple of whole numbers, got 16"),
    ({"hidden": (16, 0)}, "hidden must hold whole numbers, each in .1, 65536"),
    ({"hidden": (1.5,)}, r"hidden must be a tuple of whole numbers, got \(1.5,\)"),
    ({"head_seeds": 2.5}, "head_seeds must be a whole number, got 2.5"),
    ({"t": "x"}, "t must be a number, got 'x'"),
    ({"spectra": "false"}, "spectra must be true or false or None, got 'f"),
    ({"loss": "log_probability", "evolution": "full_kernel"}, "needs F_t to be a prob"),
    ({"width": 3}, "unknown option 'width' of lead; it has"),
  ],
)
def test_bad_configuration(options, message):
  with pytest.raises(ValueError, match=message):
    lead_config(**options)


def test_bad_variant():
  with pytest.raises(ValueError, match=r"variant must be one of .* got 'official'"):
    lead_config("official")


def _bad(change):
  x, y = _data(n=20)
  x, y = change(x.copy(), list(y))
  return lead_jax.lead(x, y, key=jax.random.key(0), config=SMALL)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda x, y: (x[:1], y[:1]), "at least 2 samples, got 1"),
    (lambda x, y: (x, [7] * 20), "single class '7'"),
    (lambda x, y: (x[:-1], y), "19 samples but labels have 20"),
    (lambda x, y: (x[:, 0], y), r"shape \[N, D\], got \[20\]"),
    (lambda x, y: (x.astype(str), y), "must be numbers"),
    (lambda x, y: (x[:, :0], y), "at least 1 column"),
    (lambda x, y: (np.where(x == x[3, 2], np.nan, x), y), "1 NaN .* row 3, column 2"),
    (lambda x, y: (np.where(x == x[0, 1], np.inf, x), y), "row 0, column 1"),
    (lambda x, y: (x, [0.5] * 20), "label"),
  ],
)
def test_bad_input(change, message):
  with pytest.raises(ValueError, match=message):
    _bad(change)


@pytest.mark.parametrize(
  "x", [np.full((4, 2), 1e25, np.float32), np.full((4, 2), 1e200)], ids=["32", "64"]
)
def test_features_whose_squares_overflow_are_refused(x):
  """They would make scores that look like scores."""
  with pytest.raises(
    ValueError, match=r"squares overflow|infinite values|beyond float32"
  ):
    lead_jax.score("knn", x, [0, 1, 0, 1])


@pytest.mark.parametrize("variant", ["paper", "normalised"])
def test_a_class_without_samples_is_no_obstacle(variant):
  x, y = _data()
  config = lead_config(variant, hidden=(16,), head_seeds=1)
  key = jax.random.key(0)
  result = lead_jax.lead(x.astype(np.float16), y, key=key, config=config, num_classes=5)
  assert np.isfinite(result.score)
  assert np.isnan(result.lambda_c[3:]).all()


def test_the_public_name_is_the_function():
  assert callable(lead_jax.lead)
