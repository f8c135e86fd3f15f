"""LEAD and its controls as metrics: what they share, and what each of them computes."""

import jax
import jax.numpy as jnp
import numpy as np

import lead_jax
from lead_jax import metrics, ntk
from lead_jax.metrics import Problem

FAST = {"hidden": (16, 8), "head_seeds": 2, "samples_per_class": 10}


def _data(n=60, d=6, k=3, seed=0):
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  return (rng.normal(size=(k, d))[y] + rng.normal(size=(n, d))).astype(np.float32), y


def test_lead_is_lead():
  x, y = _data()
  config = lead_jax.lead_config(**FAST)
  result = lead_jax.lead(x, y, key=jax.random.key(0), config=config)
  assert lead_jax.score("lead", x, y, **FAST) == float(result.score)
  normalised = lead_jax.lead_config("normalised", **FAST)
  score = float(lead_jax.lead(x, y, key=jax.random.key(0), config=normalised).score)
  assert lead_jax.score("lead_normalised", x, y, **FAST) == score
  assert lead_jax.score("lead", x, y, variant="normalised", **FAST) == score


def test_controls_are_what_they_say():
  x, y = _data()
  result = lead_jax.lead(
    x, y, key=jax.random.key(0), config=lead_jax.lead_config(**FAST)
  )
  log_softmax = np.asarray(jax.nn.log_softmax(result.log_init, axis=1))
  expected = log_softmax[np.arange(60), y].mean()
  np.testing.assert_allclose(lead_jax.score("log_init", x, y), expected, rtol=1e-5)
  at_zero = lead_jax.score("lead", x, y, t=0.0, **FAST)
  np.testing.assert_allclose(at_zero, expected, rtol=1e-5)
  rate = lead_jax.score("lambda", x, y, **FAST)
  np.testing.assert_allclose(rate, np.mean(result.lambda_c), rtol=1e-5)
  norm = lead_jax.score("feature_norm", x, y)
  np.testing.assert_allclose(norm, np.mean(np.sum(x**2, axis=1)), rtol=1e-5)
  kept = lead_jax.score("constant", x, y, coefficient=1.0)
  np.testing.assert_allclose(kept, expected, rtol=1e-5)
  halfway = 0.5 * np.eye(3)[y] + 0.5 * np.asarray(result.log_init, np.float64)
  log_p = halfway - np.log(np.exp(halfway).sum(1, keepdims=True))
  np.testing.assert_allclose(
    lead_jax.score("constant", x, y), log_p[np.arange(60), y].mean(), rtol=1e-5
  )


def test_mean_rate_in_expectation_is_the_feature_norm_up_to_an_affine_map():
  """The control that the closed form calls for: on balanced classes they rank alike."""
  scores = []
  for seed in range(5):
    x, y = _data(seed=seed, n=30)
    x = x * (seed + 1)
    rate = lead_jax.score("lambda", x, y, rates="expected", samples_per_class=100)
    norm = lead_jax.score("feature_norm", x, y)
    scores.append((norm, rate))
  norms, rates = np.array(scores).T
  expected = ntk.expected_head_kernel_diagonal(jnp.asarray(norms), dim=6, num_classes=3)
  np.testing.assert_allclose(rates, expected, rtol=1e-4)


def test_work_is_shared_between_metrics_of_a_model(monkeypatch):
  from lead_jax.metrics import _lead as lead_metrics

  calls = []
  real = lead_metrics.run_lead

  def counting(*args, **kwargs):
    calls.append(kwargs["config"])
    return real(*args, **kwargs)

  monkeypatch.setattr(lead_metrics, "run_lead", counting)
  problem = Problem(*_data())
  for name in ("lead", "log_init", "lambda", "constant"):
    metrics.evaluate_metric(name, problem)
  assert len(calls) == 1


def test_a_classifier_that_did_not_converge_is_a_status(monkeypatch):
  from lead_jax.metrics import _lead as lead_metrics

  real = lead_metrics.run_lead
  monkeypatch.setattr(
    lead_metrics, "run_lead", lambda *a, **k: real(*a, **k)._replace(converged=False)
  )
  value = metrics.evaluate_metric("lead", Problem(*_data()), **FAST)
  assert value.status == "the svm of the initial logits did not converge"


def test_controls_compute_only_what_they_are_made_of(monkeypatch):
  from lead_jax.metrics import _lead

  def never(*args, **kwargs):
    raise AssertionError("not needed")

  for function, names in (
    ("lead_start", ("lambda", "feature_norm")),
    ("lead_rates", ("log_init", "constant", "feature_norm")),
    ("run_lead", ("lambda", "log_init", "constant", "feature_norm")),
  ):
    with monkeypatch.context() as patch:
      patch.setattr(_lead, function, never)
      for name in names:
        metrics.evaluate_metric(name, Problem(*_data()))


def test_rates_are_computed_once_per_model(monkeypatch):
  from lead_jax.metrics import _lead

  calls, real = [], _lead.lead_rates

  def counted(*args, **kwargs):
    calls.append(kwargs["config"])
    return real(*args, **kwargs)

  monkeypatch.setattr(_lead, "lead_rates", counted)
  problem = Problem(*_data())
  found = {n: metrics.evaluate_metric(n, problem) for n in ("lead", "lambda")}
  assert len(calls) == 1
  mean = found["lead"].details["mean_rate"]
  np.testing.assert_allclose(found["lambda"].score, mean, rtol=1e-6)
