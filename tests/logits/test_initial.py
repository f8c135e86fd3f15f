"""Where logits start: every classifier under every normalisation, with its options."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from lead_jax import logits
from lead_jax.logits import _initial as initial
from tests.tolerances import SUM, assert_close

RNG = np.random.default_rng(0)
Y = np.arange(30) % 3
X = (RNG.standard_normal((30, 4)) + Y[:, None]).astype(np.float32)


@pytest.mark.parametrize(
  ("classifier", "normalisation"),
  list(itertools.product(["svm", "lda", "gmm"], ["softmax", "sigmoid_l1", "none"])),
)
def test_outputs_of_classifiers_are_normalised(classifier, normalisation):
  found = logits.initial_logits(
    X, Y, num_classes=3, classifier=classifier, normalisation=normalisation
  )
  outputs = {
    "svm": lambda: logits.svm_decision(X, Y, num_classes=3).decision,
    "lda": lambda: logits.lda_decision(X, Y, num_classes=3),
    "gmm": lambda: logits.gmm_decision(X, Y, num_classes=3),
  }[classifier]()
  outputs = np.asarray(outputs, float)
  if normalisation == "softmax":
    expected = np.exp(outputs - outputs.max(1, keepdims=True))
  elif normalisation == "sigmoid_l1":
    expected = 1 / (1 + np.exp(-outputs))
  if normalisation == "none":
    expected = outputs
  else:
    expected /= expected.sum(1, keepdims=True)
  np.testing.assert_allclose(found.log_init, expected, atol=1e-5)
  assert bool(found.converged)


def test_the_paper_is_the_default():
  asked = logits.initial_logits(
    X, Y, num_classes=3, classifier="svm", normalisation="softmax", c=1.0, folds=0
  )
  default = logits.initial_logits(X, Y, num_classes=3)
  np.testing.assert_array_equal(default.log_init, asked.log_init)
  np.testing.assert_array_equal(
    logits.normalise_decisions(jnp.asarray(X)),
    logits.normalise_decisions(jnp.asarray(X), "softmax"),
  )


@pytest.mark.parametrize("folds", [0, 2])
def test_options_of_the_svm_arrive(monkeypatch, folds):
  """And one class that has not converged is enough."""
  asked = []

  def solved(features, labels, **options):
    asked.append(options)
    result = logits.svm_decision(features, labels, num_classes=3)
    unsolved = jnp.array([True, False, True])
    return result._replace(converged=unsolved | (len(asked) > 1))

  monkeypatch.setattr(initial.svm, "svm_decision", solved)
  found = logits.initial_logits(X, Y, num_classes=3, c=0.25, tol=1e-3, folds=folds)
  assert asked == [{"num_classes": 3, "c": 0.25, "tol": 1e-3}] * (folds or 1)
  assert not bool(found.converged)


@pytest.mark.parametrize("normalisation", ["softmax", "sigmoid_l1"])
def test_normalisations(x64, normalisation):
  outputs = jnp.asarray([[2.0, -1.0, 0.5], [-900.0, -901.0, -905.0], [0.0, 0.0, 0.0]])
  ours = logits.normalise_decisions(outputs, normalisation)
  o = np.asarray(outputs, np.longdouble)
  weights = np.exp(o) if normalisation == "softmax" else 1 / (1 + np.exp(-o))
  assert_close(ours, (weights / weights.sum(1, keepdims=True)).astype(float), SUM)


def test_unknown_choices():
  x = jnp.ones((4, 2))
  with pytest.raises(ValueError, match=r"classifier must be one of .* got 'forest'"):
    logits.initial_logits(x, jnp.arange(4) % 2, num_classes=2, classifier="forest")
  with pytest.raises(ValueError, match=r"normalisation must be one of .* got 'l2'"):
    logits.normalise_decisions(x, "l2")


def test_held_out_initial_logits_are_those_of_other_samples():
  x, y = X, Y
  found = logits.initial_logits(jnp.asarray(x), jnp.asarray(y), num_classes=3, folds=3)
  order = np.argsort(y, kind="stable")
  for fold in range(3):
    held_out = order[fold::3]
    train = np.setdiff1d(np.arange(30), held_out)
    theirs = LinearSVC(tol=1e-9, max_iter=200_000, dual=True).fit(x[train], y[train])
    decision = theirs.decision_function(x[held_out])
    np.testing.assert_allclose(
      found.log_init[held_out], jax.nn.softmax(decision, axis=1), atol=2e-3
    )
  # They are worse than those of the samples that were fitted.
  fitted = logits.initial_logits(jnp.asarray(x), jnp.asarray(y), num_classes=3)
  own = lambda result: np.mean(np.asarray(result.log_init)[np.arange(30), y])
  assert own(found) < own(fitted)


def test_held_out_initial_logits_are_refused_where_they_cannot_be():
  x, y = jnp.ones((4, 3)), jnp.arange(4) % 2
  with pytest.raises(ValueError, match="need classifier='svm', got 'lda'"):
    logits.initial_logits(x, y, num_classes=2, classifier="lda", folds=2)
  for folds in (1, 5):
    with pytest.raises(ValueError, match=f"from 2 to N = 4, got {folds}"):
      logits.initial_logits(x, y, num_classes=2, folds=folds)
