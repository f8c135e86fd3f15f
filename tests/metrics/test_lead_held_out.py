"""LEAD out of sample as a metric: its draws, and classes too small for it."""

import numpy as np
import pytest

import lead_jax
from lead_jax.metrics import Problem, evaluate_metric


def blobs(n=60, d=9, k=3, apart=0.8, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  return rng.standard_normal((n, d)) + apart * rng.standard_normal((k, d))[y], y


def test_what_cannot_be_scored_is_named():
  x, y = blobs()
  with pytest.raises(ValueError, match="1 of 2 classes have one sample: none is left"):
    lead_jax.score("lead_held_out", x, ["rare"] + ["b"] * 59)
  with pytest.raises(ValueError, match=r"logits at t=1e\+25 are no finite numbers"):
    lead_jax.score("lead_held_out", x, y, t=1e25)
  with pytest.raises(ValueError, match="'lead_held_out' has no option 'rates'"):
    lead_jax.score("lead_held_out", x, y, rates="expected")


def test_many_samples_are_drawn_several_times():
  x, y = blobs(200)
  problem = Problem(x, y)
  drawn = evaluate_metric("lead_held_out", problem, samples=50)
  assert drawn.details["samples"] == 50
  assert drawn.spread.draws == "3 draws"
  assert drawn.status == "mean over 3 draws of 50 of 200 samples"
  assert drawn.spread.std > 0
  whole = evaluate_metric("lead_held_out", problem)
  assert whole.spread is None
  assert whole.status == "ok"
  assert drawn.score == pytest.approx(whole.score, abs=0.2)


def test_fifty_thousand_samples_are_a_draw_or_refused():
  rng = np.random.default_rng(0)
  y = np.arange(50_000) % 4
  x = (rng.standard_normal((4, 3))[y] + rng.standard_normal((50_000, 3))).astype("f4")
  reference = x[:, ::-1]
  problem = Problem(x, y, reference_features=reference)
  for name in ("lead_held_out", "parc", "rsa", "dds"):
    with pytest.raises(ValueError, match="one draw compares all of 50,000 samples"):
      evaluate_metric(name, problem, samples=None)
    value = evaluate_metric(name, problem, samples=100, draws=1)
    assert value.status == "one draw of 100 of 50,000 samples"


def test_features_as_they_are_far_from_the_origin_have_a_status():
  x, y = blobs()
  near, far = Problem(x.astype("f4"), y), Problem((x + 500).astype("f4"), y)
  value = evaluate_metric("lead_held_out", far, centred=False)
  assert "share an offset of" in value.status
  assert evaluate_metric("lead_held_out", far).status == "ok"
  assert evaluate_metric("lead_held_out", near, centred=False).status == "ok"


def test_the_detail_is_the_accuracy_that_the_loss_scores():
  x, y = blobs(40, 12, 20, apart=3.0)
  problem = Problem(x, y)
  detail = evaluate_metric("lead_held_out", problem).details["held_out_accuracy"]
  assert detail == evaluate_metric("lead_held_out", problem, loss="accuracy").score


def test_classes_of_one_sample_are_left_out_and_the_status_says_so():
  x, y = blobs()
  names = ["rare", *np.array(["a", "b", "c"])[y[1:]]]
  problem = Problem(x, names)
  value = evaluate_metric("lead_held_out", problem)
  assert value.status == "left out 1 of 4 classes, of one sample"
  assert value.score == pytest.approx(
    lead_jax.score("lead_held_out", x[1:], names[1:]), rel=1e-6
  )


def test_a_class_with_one_sample_in_a_draw_is_left_out_of_it():
  x, y = blobs(120)
  y = np.where(np.arange(120) < 3, 3, y)  # three of a hundred and twenty
  problem = Problem(x, y)
  value = evaluate_metric("lead_held_out", problem, samples=30, draws=2)
  assert value.details["samples"] == 29
  assert np.isfinite(value.score)
