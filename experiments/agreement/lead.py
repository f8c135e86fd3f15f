"""LEAD's Algorithm 1 and the anchors, beside independent computations.

No official code of LEAD exists: the reference is an automatic-differentiation computation
with a small stored head and stored SVM decisions.
"""

import functools

import jax.numpy as jnp

import lead_jax
from experiments.agreement.base import Apart, Case, Row
from lead_jax import logits, ntk
from lead_jax.dynamics import Loss, transfer_score

_RATES = "LEADpaper_lambda_bar(all params incl bias)"


def _spectra(case: Case):
  """Spectra of the class kernels and their mask."""
  num_classes = int(case.y.max()) + 1
  params = {
    f"layer_{i - 1}": {
      "kernel": jnp.asarray(case.arrays[f"W{i}"].T),
      "bias": jnp.asarray(case.arrays[f"b{i}"]),
    }
    for i in (1, 2, 3)
  }
  indices, mask = ntk.class_indices(
    jnp.asarray(case.y), num_classes=num_classes, samples_per_class=64
  )
  kernels = ntk.class_kernels(params, jnp.asarray(case.x), indices, mask)
  return ntk.class_spectra(kernels, mask), mask


def _rates(case: Case):
  return ntk.mean_eigenvalues(*_spectra(case))


def _first_spectrum(case: Case):
  spectra, mask = _spectra(case)
  return spectra[0][mask[0] > 0][::-1]


def _score(
  case: Case, *, normalisation: logits.Normalisation, relative: bool, loss: Loss
) -> float:
  labels = jnp.asarray(case.y)
  start = logits.normalise_decisions(
    jnp.asarray(case.arrays["svm_decision"]), normalisation
  )
  rates = _rates(case)
  eta_t = 1 / float(jnp.mean(rates)) if relative else 1e-3
  final = logits.evolve_class_aware(start, labels, rates, eta_t)
  return float(transfer_score(final, labels, loss))


def _scores():
  names: dict[str, logits.Normalisation] = {
    "softmax": "softmax",
    "sigmoidL1": "sigmoid_l1",
    "raw": "none",
  }
  losses: dict[str, Loss] = {
    "softmax": "softmax_cross_entropy",
    "prob": "log_probability",
  }
  for stored, normalisation in names.items():
    for time, relative in (("1e-3", False), ("1overmean", True)):
      for suffix, loss in losses.items():
        if (stored, suffix) == ("raw", "prob"):
          continue  # decision values are no probabilities
        yield Row(
          "lead",
          f"LEADpaper_{stored}_etat{time}_negCE_{suffix}",
          f"evolve_class_aware + transfer_score, {normalisation}, {loss}",
          functools.partial(
            _score, normalisation=normalisation, relative=relative, loss=loss
          ),
          absolute=1e-15,
          note="below 1e-15 the reference is its own rounding",
        )


ROWS: tuple[Row, ...] = (
  Row("lambda", _RATES, "ntk.mean_eigenvalues(ntk.class_spectra(...))", _rates),
  Row(
    "lambda",
    "LEADpaper_eigs_class0",
    "ntk.class_spectra(ntk.class_kernels(...))[0]",
    _first_spectrum,
    tolerance=1e-6,
    note="relative to each eigenvalue",
  ),
  *_scores(),
  Row(
    "knn",
    "knn1_parc_loo",
    'score("knn", distance="euclidean")',
    lambda case: 100 * lead_jax.score("knn", case.x, case.y, distance="euclidean"),
  ),
)

APART: tuple[Apart, ...] = (
  Apart(
    "LEADpaper_lambda_bar(weights only)",
    "ours counts the biases of the head, as its gradient does; without them it is lower",
  ),
)
