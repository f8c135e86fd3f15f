"""LogME, the H-scores and PED beside public implementations."""

import math

import lead_jax
from experiments.agreement.base import Apart, Case, Row
from lead_jax import metrics

_CORRECTED = "logme_corrected(minus (D-k)/(2N) mean log alpha)"
_TALL = (
  "digits_std",
  "digits_pca32",
  "wine_std",
  "gauss_sep",
  "real_flowers_mcunet",
  "real_grocery_mbv1",
)


def _logme(case: Case) -> float:
  return lead_jax.score("logme", case.x, case.y)


def _logme_official(case: Case) -> float:
  return lead_jax.score("logme", case.x, case.y, variant="official")


def _precisions(case: Case) -> list[float]:
  problem = metrics.Problem(case.x, case.y)
  details = metrics.evaluate_metric("logme", problem).details
  return [*details["alpha_k"], *details["beta_k"]]


def _h_score(case: Case) -> float:
  return lead_jax.score("h_score", case.x, case.y)


def _ped(base: str, n_sigma: float):
  def score(case: Case) -> float:
    return lead_jax.score(
      f"ped_{base}",
      case.x,
      case.y,
      source_features=case.arrays["general_X"],
      n_sigma=n_sigma,
      variant="official",
    )

  return score


def _first_movement(n_sigma: float):
  def movement(case: Case) -> float:
    source = case.arrays["general_X"]
    problem = metrics.Problem(case.x, case.y, source_features=source)
    value = metrics.evaluate_metric("ped_logme", problem, n_sigma=n_sigma)
    return value.details["movements"][0]

  return movement


def _ped_rows(n_sigma: float) -> tuple[Row, ...]:
  call = (
    "score('ped_{}', x, y, source_features=general_X, n_sigma={}, variant='official')"
  )
  return (
    *(
      Row(
        f"ped_{base}",
        f"ped_{base}_nsigma{n_sigma:g}",
        call.format(base, f"{n_sigma:g}"),
        _ped(base, n_sigma),
      )
      for base in ("sfda", "logme")
    ),
    Row(
      "ped_logme",
      f"ped_step1_change_nsigma{n_sigma:g}",
      f"details['movements'][0] of ped_logme, n_sigma={n_sigma:g}",
      _first_movement(n_sigma),
    ),
  )


ROWS: tuple[Row, ...] = (
  Row("logme", "logme", "score('logme', x, y, variant='official')", _logme_official),
  Row(
    "logme",
    "logme_sfda_port",
    "score('logme', x, y, variant='official')",
    _logme_official,
  ),
  Row("logme", _CORRECTED, "score('logme', x, y)", _logme),
  Row(
    "logme",
    "logme_official",
    "score('logme', x, y, variant='official')",
    _logme_official,
  ),
  Row("logme", "logme", "score('logme', x, y)", _logme, cases=_TALL),
  Row(
    "logme",
    "logme_alphas_betas",
    "details['alpha_k'], details['beta_k'] of logme",
    _precisions,
    theirs=lambda stored: [*stored[0], *stored[1]],
  ),
  Row(
    "logme",
    "logme_tllib",
    "score('logme', x, y)",
    _logme,
    tolerance=1e-3,
    note="another fixed point (on precisions), stopped at another tolerance",
  ),
  Row(
    "logme",
    "logme_icml",
    "score('logme', x, y)",
    _logme,
    tolerance=5e-3,
    note="the first version's fixed point, stopped at 1e-2 relative",
  ),
  Row(
    "logme",
    "logme_pactran_iters20",
    "score('logme', x, y)",
    _logme,
    theirs=lambda stored: stored - 0.5 * math.log(2 * math.pi),
    tolerance=2e-4,
    cases=_TALL,
    note="theirs + log(2 pi)/2, after 20 iterations: not at the fixed point for "
    "real_grocery_mbv1, 1e-6 for the others",
  ),
  Row("h_score", "hscore", "score('h_score', x, y)", _h_score),
  Row(
    "h_score",
    "hscore_parc",
    "score('h_score', x, y)",
    _h_score,
    note="theirs has a small ridge",
  ),
  Row(
    "h_score",
    "nhscore_pactran",
    "-score('h_score', x, y)",
    lambda case: -_h_score(case),
    note="theirs is negative (smaller is better) and has a small ridge",
  ),
  Row(
    "h_score_regularized",
    "reg_hscore",
    "score('h_score_regularized', x, y)",
    lambda case: lead_jax.score("h_score_regularized", case.x, case.y),
  ),
  *(row for n_sigma in (0.3, 0.6, 2) for row in _ped_rows(n_sigma)),
)

APART: tuple[Apart, ...] = (
  Apart(
    "logme_pactran_iters0",
    "the evidence at alpha = beta = 1: another score, with no fixed point at all",
  ),
  Apart(
    "hscore_google_elementwise",
    "multiplies the two matrices entry by entry before the trace, in place of a matrix "
    "product: a bug",
  ),
)
