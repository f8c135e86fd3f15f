"""The SVM against LinearSVC: objectives in float64, decisions, certificates."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from experiments.agreement.base import load_case
from experiments.benchmark.svm import network_like_features, objective, run
from lead_jax.logits._svm import svm_decision

solve = jax.jit(svm_decision, static_argnames=("num_classes", "c", "tol", "max_iter"))


def liblinear(x, y, k, c):
  """Objectives and decisions of the K problems, each solved tightly in float64."""
  x = np.asarray(x, np.float64)
  weights, bias = np.zeros((x.shape[1], k)), np.zeros(k)
  for i in range(k):
    # Small problems; the primal solver is exact where the dual one oscillates.
    model = LinearSVC(C=c, tol=1e-9, max_iter=5000, dual=False, random_state=0)
    with warnings.catch_warnings():
      warnings.simplefilter("ignore", ConvergenceWarning)
      model.fit(x, np.where(y == i, 1, -1))
    weights[:, i], bias[i] = model.coef_[0], model.intercept_[0]
  return objective(x, y, weights, bias, c), x @ weights + bias


def check(x, y, k, c, dtype):
  """Asserts what is promised; returns whether all classes converged."""
  x = x.astype(dtype)
  expected, decision = liblinear(x, y, k, c)
  result = solve(x, y, num_classes=k, c=c)
  assert result.decision.dtype == dtype
  reached = objective(x, y, result.weights, result.bias, c)
  assert np.all(reached <= expected * (1 + 1e-3))
  np.testing.assert_allclose(result.objective, reached, rtol=1e-3)
  # The certificate holds: no point lies below the bound. LinearSVC's is such a point.
  bound = reached * (1 - np.asarray(result.duality_gap, np.float64))
  assert np.all(bound <= expected * (1 + 1e-5))
  np.testing.assert_array_equal(
    result.converged, result.duality_gap <= (1e-4 if dtype == np.float32 else 1e-8)
  )
  # f is 1-strongly convex, so that |w - w*|^2 <= 2 (f - bound): what decisions may differ
  # by, for both solvers' weights, and 0.02 for rounding.
  length = np.sqrt(1 + np.sum(np.asarray(x, np.float64) ** 2, axis=1))
  radius = sum(np.sqrt(2 * np.maximum(f - bound, 0)) for f in (reached, expected))
  difference = np.abs(np.asarray(result.decision) - decision)
  assert np.all(difference <= length[:, None] * radius[None, :] + 0.02)
  return bool(np.all(result.converged))


@pytest.mark.parametrize(("n", "d", "k"), [(300, 20, 4), (40, 90, 3)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_objective_over_scales(x64, n, d, k, scale):
  x, y = network_like_features(n, d, k, 0)
  check(scale * x, y, k, 1.0, np.float64 if x64 else np.float32)


@pytest.mark.parametrize("c", [0.01, 100.0])
def test_objective_over_c(c):
  x, y = network_like_features(300, 20, 4, 0)
  assert check(x, y, 4, c, np.float32)


@pytest.mark.parametrize(
  "case", ["wine_std", "gauss_sep", "lowdata", "digits_pca32", "real_flowers_mcunet"]
)
def test_reference_cases(case):
  _, x, y, *_ = load_case(case)
  k = int(y.max()) + 1
  assert check(x, y, k, 1.0, np.float32)


@pytest.mark.parametrize(
  # The stored decisions come from LinearSVC's default tolerance: 1e-3 to 7e-1 from the
  # optimum, least where it had converged. Those cases are compared.
  ("case", "tolerance"),
  [("lowdata", 2e-3), ("wine_std", 1e-2), ("gauss_sep", 4e-2)],
)
def test_stored_decisions(case, tolerance):
  _, x, y, arrays, *_ = load_case(case)
  k = int(y.max()) + 1
  with jax.enable_x64(True):
    result = solve(x, y, num_classes=k, tol=1e-8)
    np.testing.assert_allclose(result.decision, arrays["svm_decision"], atol=tolerance)


def test_tight_tolerance_gives_liblinears_decisions():
  x, y = network_like_features(200, 10, 3, 1)
  _, decision = liblinear(x, y, 3, 1.0)
  with jax.enable_x64(True):
    result = solve(x.astype(float), y, num_classes=3, tol=1e-12)
    assert bool(np.all(result.converged))
    np.testing.assert_allclose(result.decision, decision, atol=1e-4)


def test_tighter_in_float64_and_as_asked(x64):
  x, y = _hard()
  x = x.astype(np.float64 if x64 else np.float32)
  gaps = [
    float(np.max(solve(x, y, num_classes=4, tol=tol).duality_gap))
    for tol in (None, 1e-2)
  ]
  assert gaps[0] <= (1e-8 if x64 else 1e-4)
  assert gaps[0] < gaps[1] <= 1e-2
  assert not np.all(solve(x, y, num_classes=4, tol=1e-30).converged)


def _hard():
  rng = np.random.default_rng(0)
  y = np.arange(400) % 4
  return 0.7 * rng.standard_normal((4, 12))[y] + rng.standard_normal((400, 12)), y


def test_decision_is_that_of_the_weights(x64):
  x, y = network_like_features(40, 90, 3, 2)
  x = x.astype(np.float64 if x64 else np.float32)
  result = solve(x, y, num_classes=3)
  expected = x @ np.asarray(result.weights) + np.asarray(result.bias)[None, :]
  np.testing.assert_allclose(result.decision, expected, atol=1e-10 if x64 else 1e-3)


def test_two_classes_are_two_mirrored_problems():
  x, y = network_like_features(100, 8, 2, 3)
  result = solve(x, y, num_classes=2)
  assert result.decision.shape == (100, 2)
  np.testing.assert_allclose(result.decision[:, 0], -result.decision[:, 1], atol=1e-2)


def test_degenerate_features():
  x, y = network_like_features(100, 8, 3, 4)
  for features in (
    np.concatenate([x, np.ones((100, 3), np.float32)], axis=1),  # constant features
    np.repeat(x[:50], 2, axis=0),  # copies
    np.zeros_like(x),
    100 * np.eye(3, 8, dtype=np.float32)[y],  # separable, copies only
  ):
    check(features, y, 3, 1.0, np.float32)


def test_empty_class_is_rejected_everywhere():
  x, y = network_like_features(100, 8, 3, 5)
  result = solve(x, y, num_classes=5)
  assert bool(np.all(result.converged))
  assert np.max(result.decision[:, 3:]) < -0.5
  fewer = solve(x, y, num_classes=3)
  np.testing.assert_allclose(result.objective[:3], fewer.objective, rtol=1e-3)


def test_many_samples_of_slack_are_solved_together(x64):
  # Labels at random: the support is most of the data, far beyond the features.
  x, _ = network_like_features(300, 20, 4, 7)
  y = np.random.default_rng(0).integers(0, 4, 300)
  assert check(x, y, 4, 1.0, np.float64 if x64 else np.float32)


def test_support_as_large_as_the_features_converges():
  # Where full steps cycle: separable only just, and of large norm.
  rng = np.random.default_rng(0)
  x = rng.standard_normal((400, 100)).astype(np.float32)
  y = (x[:, 0] + 0.3 * rng.standard_normal(400) > 0).astype(int)
  assert check(20 * x, y, 2, 1.0, np.float32)


def test_many_classes_need_no_matrix_each():
  x, y = network_like_features(500, 40, 300, 8)
  compiled = solve.lower(x, y, num_classes=300).compile()
  memory = compiled.memory_analysis()
  assert memory is not None
  assert memory.temp_size_in_bytes < 300 * 40 * 40 * 4 + 20 * 500 * 300 * 4
  result = compiled(x, y)
  assert bool(np.all(result.converged))


def test_too_few_steps_are_admitted():
  x, y = network_like_features(300, 20, 4, 6)
  result = solve(100 * x, y, num_classes=4, max_iter=1)
  assert int(result.iterations) == 1
  assert not bool(np.any(result.converged))
  # The gap is a bound on the error at the C that was asked for, even then.
  best = solve(100 * x, y, num_classes=4)
  lower = result.objective * (1 - result.duality_gap)
  assert np.all(lower <= best.objective * (1 + 1e-5))


def test_benchmark_compares_equal_objectives():
  rows = {row.name: row for row in run(n=300, d=16, k=3)}
  for regime in ("overlapping", "separable"):
    assert 0 <= rows[f"svm.{regime}.excess"].value <= 1e-3
    dual = rows[f"svm.{regime}.linear_svc_dual"].value
    primal = rows[f"svm.{regime}.linear_svc_primal"].value
    ours = rows[f"svm.{regime}.ours"].value
    assert "equal objective" in rows[f"svm.{regime}.linear_svc_primal"].what
    ratio = rows[f"svm.{regime}.ratio"].value
    # The dual one counts only where it got there.
    assert any(ratio == pytest.approx(s / ours) for s in (dual, primal))
    assert ratio <= primal / ours * (1 + 1e-9)


@pytest.mark.parametrize(
  ("name", "value"),
  [("num_classes", 1), ("c", 0.0), ("tol", 0.0), ("max_iter", 0)],
)
def test_refuses_wrong_arguments(name, value):
  options = {"num_classes": 2, name: value}
  with pytest.raises(ValueError, match=name):
    svm_decision(jnp.ones((4, 2)), jnp.zeros(4, int), **options)
