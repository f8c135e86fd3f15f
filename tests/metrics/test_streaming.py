"""Scores of streams against those of all samples in memory."""

import itertools

import jax
import numpy as np
import pytest

import lead_jax
from lead_jax.metrics._streaming import STREAMING, score_stream

CASES = [
  ("logme", {}),
  ("logme", {"variant": "official"}),
  ("h_score", {}),
  ("h_score_regularized", {}),
  ("gbc", {"pca_dim": None}),
  ("gbc", {"pca_dim": None, "variant": "official"}),
  ("gbc", {"pca_dim": 6, "gaussian": "diagonal"}),
  ("sfda", {}),
  ("sfda", {"variant": "official"}),
  ("etran_lda", {}),
  ("etran_lda", {"variant": "official"}),
]
ONE_PASS = CASES[:6]


def samples(dtype, n=400, d=12, k=5):
  rng = np.random.default_rng(0)
  y = rng.integers(0, k, n)
  x = 4 + 0.6 * rng.standard_normal((k, d))[y] + rng.standard_normal((n, d))
  return (0.3 * x).astype(dtype), y


def split(x, y, cuts=(1, 200, 201)):
  edges = [0, *cuts, len(x)]
  return [(x[i:j], y[i:j]) for i, j in itertools.pairwise(edges)]


@pytest.mark.parametrize(("metric", "options"), CASES)
def test_streams_score_as_memory_does(x64, metric, options):
  x, y = samples(np.float64 if x64 else np.float32)
  y = np.where(y == 2, 6, y)  # classes 2 and 5 have no samples
  got = score_stream(metric, split(x, y), num_classes=7, **options)
  assert isinstance(got, float)
  expected = lead_jax.score(metric, x, y, **options)
  np.testing.assert_allclose(got, expected, rtol=1e-9 if x64 else 2e-5)


def test_every_streaming_metric_is_tested():
  assert {metric for metric, _ in CASES} == set(STREAMING)


@pytest.mark.parametrize(("metric", "options"), ONE_PASS)
def test_one_pass_is_enough(metric, options):
  x, y = samples(np.float32)
  batches = split(x, y)
  once = score_stream(metric, iter(batches), num_classes=5, **options)
  assert once == score_stream(metric, batches, num_classes=5, **options)


@pytest.mark.parametrize("metric", ["sfda", "etran_lda", "gbc"])
def test_more_passes_need_batches_afresh(metric):
  x, y = samples(np.float32)
  options = {"pca_dim": 6} if metric == "gbc" else {}
  with pytest.raises(ValueError, match=f"{metric} goes through the batches more than"):
    score_stream(metric, iter(split(x, y)), num_classes=5, **options)
  fresh = lambda: iter(split(x, y))
  assert score_stream(metric, fresh, num_classes=5, **options) == score_stream(
    metric, split(x, y), num_classes=5, **options
  )


def test_batches_are_made_in_the_callers_precision():
  x, y = samples(np.float32)
  seen = []

  def batches():
    for x_bd, y_b in split(x, y):
      seen.append(jax.numpy.ones(1).dtype)
      yield jax.numpy.asarray(x_bd), y_b

  assert np.isfinite(score_stream("sfda", batches, num_classes=5))
  assert len(seen) == 3 * 4
  assert {np.dtype(dtype) for dtype in seen} == {np.dtype(np.float32)}


def test_float32_far_from_zero_loses_nothing():
  x, y = samples(np.float64)
  x = (x + 1000).astype(np.float32)
  for metric in ("logme", "h_score"):
    got = score_stream(metric, split(x, y), num_classes=5)
    with jax.enable_x64(True):
      expected = lead_jax.score(metric, x.astype(np.float64), y)
    np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda x, y: [(x[:8], y[:8])], "8 samples are no more than the 12 features"),
    (lambda x, y: [], "there are no samples"),
    (lambda x, y: [(x, y * 0)], "samples of one class"),
    (lambda x, y: [(x, y), (x[:, :3], y)], "a batch has 3 features, the first has 12"),
    (lambda x, y: [(x, y[:-1])], "features .* and labels"),
    (lambda x, y: [(x * np.nan, y)], "NaN or infinite"),
    (lambda x, y: [(x, y - 1)], "labels must be whole numbers"),
    (lambda x, y: [(x, y + 1)], "labels must be whole numbers"),
    (lambda x, y: [(x, y + 0.5)], "labels must be whole numbers"),
  ],
)
def test_refuses_wrong_batches(change, message):
  x, y = samples(np.float32)
  with pytest.raises(ValueError, match=message):
    score_stream("logme", change(x, y), num_classes=5)


def test_refuses_classes_without_spread():
  y = np.arange(40) % 4
  with pytest.raises(ValueError, match="the classes have no spread"):
    score_stream("sfda", [(np.eye(4)[y], y)], num_classes=4)


def test_refuses_wrong_metrics_and_options():
  x, y = samples(np.float32)
  with pytest.raises(ValueError, match="'knn' needs all features at once"):
    score_stream("knn", [(x, y)], num_classes=5)
  with pytest.raises(ValueError, match="no option 'colour'"):
    score_stream("logme", [(x, y)], num_classes=5, colour=1)
  with pytest.raises(ValueError, match="variant must be one of"):
    score_stream("logme", [(x, y)], num_classes=5, variant="new")


def test_a_pass_that_finds_nothing_is_an_error():
  rng = np.random.default_rng(0)
  labels = np.arange(60) % 3
  once = iter([(rng.normal(size=(60, 4)), labels)])
  with pytest.raises(ValueError, match="held 60 samples at first and 0 in a later"):
    score_stream("etran_lda", lambda: once, num_classes=3)


def test_later_passes_with_other_values_are_refused():
  x, y = samples(np.float32)
  rng = np.random.default_rng(1)
  moved = lambda: split(x + rng.normal(size=x.shape).astype(np.float32), y)
  with pytest.raises(lead_jax.InputError, match="others in a later pass"):
    score_stream("sfda", moved, num_classes=5)
  turned = lambda: split(x, rng.permutation(y))
  with pytest.raises(lead_jax.InputError, match="others in a later pass"):
    score_stream("sfda", turned, num_classes=5)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda x: np.ma.array(x, mask=x > 1), "features is a masked array"),
    (lambda x: x.astype(str), "features must be numbers"),
    (lambda x: x + 0j, "features must be numbers"),
    (lambda x: x.astype(float) * 1e300, "sums of their squares overflow"),
  ],
)
def test_batches_of_strangers(change, message):
  x, y = samples(np.float32)
  with pytest.raises(lead_jax.InputError, match=message):
    score_stream("logme", [(change(x), y)], num_classes=5)


def test_wide_batches_keep_their_digits():
  """float64 is summed as it is, and integers beyond float32 are."""
  x, y = samples(np.float64)
  near, far = (
    score_stream("h_score", split(values, y), num_classes=5) for values in (x, x + 1e6)
  )
  assert far == pytest.approx(near, rel=1e-5)
