"""Where the logits start: a classifier on the features, its outputs made probabilities.

Hu et al., LEAD, CVPR 2024, Appendix B: a one-vs-rest SVM, "the prediction values are
normalized to obtain the predicted probabilities (i.e., logits)", on the samples it was
fitted to. Which normalisation is not said; softmax is the default here, and sigmoid
followed by division by the sum is the other reading. Appendix C.1 compares LDA and GMM.
"""

from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Rule, check_arguments
from lead_jax.logits import _gmm as gmm, _lda as lda, _svm as svm
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Bool, Float, Int

Classifier = Literal["svm", "lda", "gmm"]
Normalisation = Literal["softmax", "sigmoid_l1", "none"]


class InitialLogits(NamedTuple):
  """The state that evolves.

  Attributes:
    log_init: [N, K]; probabilities unless the normalisation is `none`.
    converged: Whether the classifier reached its optimum (always, where it is in closed
      form).
  """

  log_init: Float[Array, "n k"]
  converged: Bool[Array, ""]


@check_arguments(outputs=Rule(finite=False))
def normalise_decisions(
  outputs: Float[Array, "n k"], normalisation: Normalisation = "softmax"
) -> Float[Array, "n k"]:
  """Turns a classifier's outputs into what LEAD calls logits.

  Args:
    outputs: Decision values or log joint probabilities.
    normalisation: `softmax`; `sigmoid_l1` (each sigmoid over their sum); `none`.

  Raises:
    ValueError: If `normalisation` is none of these.
  """
  if normalisation == "softmax":
    return jax.nn.softmax(outputs, axis=1)
  if normalisation == "sigmoid_l1":
    # Shifting by the largest log-sigmoid keeps the sum from underflowing.
    log_sigmoid = jax.nn.log_sigmoid(outputs)
    return jax.nn.softmax(log_sigmoid, axis=1)
  if normalisation == "none":
    return outputs
  raise ValueError(
    f"normalisation must be one of {get_args(Normalisation)}, got {normalisation!r}"
  )


@check_arguments()
def initial_logits(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  classifier: Classifier = "svm",
  normalisation: Normalisation = "softmax",
  c: float = 1.0,
  tol: float | None = None,
  folds: int = 0,
) -> InitialLogits:
  """Fits a classifier and returns its normalised outputs on the same samples.

  Args:
    features: Backbone outputs.
    labels: Class ids.
    num_classes: Static K.
    classifier: `svm` (one-vs-rest, squared hinge), `lda` (Ledoit-Wolf shrinkage) or
      `gmm` (one Gaussian per class).
    normalisation: See `normalise_decisions`.
    c: The SVM's cost of a violation.
    tol: Relative duality gap at which the SVM ends; see `svm_decision`. Static.
    folds: 0: outputs on the samples that the classifier was fitted to, as the paper. From
      2: outputs of the SVM on samples held out from it, that many fits, all compiled;
      every class is dealt to the folds in turn, in the order given. Static.

  Returns:
    The initial logits.

  Raises:
    ValueError: If `classifier` or `normalisation` is unknown, or `folds` is not possible.
  """
  if folds:
    if classifier != "svm":
      raise ValueError(
        f"held-out initial logits need classifier='svm', got {classifier!r}"
      )
    return _held_out_svm(features, labels, num_classes, normalisation, c, tol, folds)
  if classifier == "svm":
    result = svm.svm_decision(features, labels, num_classes=num_classes, c=c, tol=tol)
    return InitialLogits(
      normalise_decisions(result.decision, normalisation), jnp.all(result.converged)
    )
  if classifier == "lda":
    outputs = lda.lda_decision(features, labels, num_classes=num_classes)
  elif classifier == "gmm":
    outputs = gmm.gmm_decision(features, labels, num_classes=num_classes)
  else:
    raise ValueError(
      f"classifier must be one of {get_args(Classifier)}, got {classifier!r}"
    )
  return InitialLogits(normalise_decisions(outputs, normalisation), jnp.asarray(True))


def _held_out_svm(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  num_classes: int,
  normalisation: Normalisation,
  c: float,
  tol: float | None,
  folds: int,
) -> InitialLogits:
  n = labels.shape[0]
  if not 2 <= folds <= n:
    raise ValueError(
      f"folds of the initial logits must be 0, or from 2 to N = {n}, got {folds}"
    )
  # Classes one after the other: every fold gets its share of each, and its size is static.
  order_n = jnp.argsort(labels, stable=True)
  log_init = jnp.zeros((n, num_classes), features.dtype)
  converged = []
  for fold in range(folds):
    taken = np.arange(n) % folds != fold
    train, held_out = order_n[taken], order_n[~taken]
    result = svm.svm_decision(
      features[train], labels[train], num_classes=num_classes, c=c, tol=tol
    )
    product = jnp.matmul(features[held_out], result.weights, precision=HIGHEST)
    outputs = normalise_decisions(product + result.bias[None, :], normalisation)
    log_init = log_init.at[held_out].set(outputs)
    converged.append(jnp.all(result.converged))
  return InitialLogits(log_init, jnp.all(jnp.stack(converged)))
