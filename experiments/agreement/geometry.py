"""PARC, RSA, DDS and TransRate against their public code."""

import jax.numpy as jnp
import numpy as np

import lead_jax
from experiments.agreement.base import Apart, Case, Row
from lead_jax.metrics import transrate


def _parc(case: Case) -> float:
  return lead_jax.score("parc", case.x, case.y, samples=None)


def _parc_official(case: Case) -> float:
  return lead_jax.score("parc", case.x, case.y, samples=None, variant="official")


def _parc_32(case: Case) -> float:
  return lead_jax.score(
    "parc", case.x, case.y, samples=None, variant="official", pca_dim=32
  )


def _rsa(case: Case) -> float:
  return lead_jax.score(
    "rsa", case.x, case.y, samples=None, reference_features=case.arrays["ref_features"]
  )


def _dds(kernel: str, factor: float = 1.0):
  def ours(case: Case) -> float:
    return factor * lead_jax.score(
      "dds",
      case.x,
      case.y,
      kernel=kernel,
      samples=None,
      reference_features=case.arrays["ref_features"],
    )

  return ours


def _coding_rates(case: Case) -> list[float]:
  names = np.unique(case.y)
  found = transrate(
    jnp.asarray(case.x),
    jnp.searchsorted(names, case.y),
    jnp.asarray([1e-4]),
    num_classes=len(names),
  )
  total, within = float(found.total_e[0]), float(found.within_e[0])
  return [lead_jax.score("transrate", case.x, case.y), total, within]


ROWS: tuple[Row, ...] = (
  Row(
    "parc",
    "parc_none",
    'parc(samples=None, variant="official")',
    _parc_official,
    tolerance=1e-4,
    note="the order of the labels' rounding errors is NumPy's: it depends on its BLAS, and "
    "moves by 2e-5 with the number of its threads",
  ),
  Row(
    "parc",
    "parc_none",
    "parc(samples=None)",
    _parc,
    tolerance=0.07,
    note="the default ties equal labels, which the public code splits by rounding",
  ),
  *(
    Row(
      "parc",
      key,
      'parc(pca_dim=32, samples=None, variant="official")',
      _parc_32,
      tolerance=0.1,
      note="the public PCA is random, of one power iteration; ours is exact",
    )
    for key in ("parc_32", "sfda_parc32")
  ),
  Row("rsa", "rsa_parc", "rsa(samples=None)", _rsa),
  *(
    Row(
      "dds",
      f"dds_official_znorm_{theirs}",
      f"dds(kernel={ours!r}, samples=None)",
      _dds(ours),
    )
    for theirs, ours in (
      ("linear", "linear"),
      ("rbf", "rbf"),
      ("lap", "laplacian"),
      ("rdm_pearson", "pearson"),
      ("rdm_euclidean", "euclidean"),
      ("rdm_cosine", "cosine"),
    )
  ),
  Row(
    "dds",
    "dds_parc_cosine_x100",
    "100 dds(kernel='cosine', samples=None)",
    _dds("cosine", 100.0),
  ),
  Row(
    "transrate",
    "transrate_longkai_central_eps1e-4[trr,Rz,Rzc]",
    "transrate()",
    _coding_rates,
    note="The score, the rate of all samples, that within classes.",
  ),
)

APART: tuple[Apart, ...] = (
  Apart(
    "transrate_tllib_eps1e-4",
    "This port divides neither the rows by their norms nor the rates by the rank, and "
    "gives all classes one weight: its value grows with the scale and the number of the "
    "features.",
  ),
  Apart(
    "transrate_awesome_eps1e-4",
    "This port divides all samples by one Frobenius norm rather than each row by its own, "
    "so that eps is relative to 1/N, and does not divide by the rank.",
  ),
)
