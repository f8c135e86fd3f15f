"""The table of metrics: every method by its name, one literal.

A metric is one file of this room, which ends in its value; one line here; one file of
tests; and one row with its options in docs/metrics.md, which
`python -m experiments.describe_metrics` writes.

Costs are the leading terms: N samples, D features, K classes, S samples per class, H the
widths of LEAD's head, Z source classes, C mixture components, P components of a PCA.
"""

from lead_jax.metrics._dds import DDS
from lead_jax.metrics._etran import ETRAN, ETRAN_ENERGY, ETRAN_LDA
from lead_jax.metrics._gbc import GBC
from lead_jax.metrics._h_score import H_SCORE, H_SCORE_REGULARIZED
from lead_jax.metrics._knn import KNN
from lead_jax.metrics._lead import (
  CONSTANT,
  FEATURE_NORM,
  LEAD,
  LEAD_NORMALISED,
  LOG_INIT,
  MEAN_RATE,
)
from lead_jax.metrics._lead_held_out import LEAD_HELD_OUT
from lead_jax.metrics._leep import LEEP
from lead_jax.metrics._linear_probe import LINEAR_PROBE
from lead_jax.metrics._logme import LOGME
from lead_jax.metrics._metric import Metric
from lead_jax.metrics._nce import NCE
from lead_jax.metrics._ncti import NCTI
from lead_jax.metrics._nearest_centroid import NEAREST_CENTROID
from lead_jax.metrics._nleep import NLEEP
from lead_jax.metrics._pactran_gauss import PACTRAN_GAUSS
from lead_jax.metrics._pactran_mean_field import PACTRAN_DIRICHLET, PACTRAN_GAMMA
from lead_jax.metrics._parc import PARC
from lead_jax.metrics._ped import PED_GBC, PED_LOGME, PED_NLEEP, PED_SFDA
from lead_jax.metrics._rsa import RSA
from lead_jax.metrics._sfda import SFDA
from lead_jax.metrics._transrate import TRANSRATE

METRICS: dict[str, Metric] = {
  metric.name: metric
  for metric in (
    LEAD,
    LEAD_NORMALISED,
    LEAD_HELD_OUT,
    LOG_INIT,
    MEAN_RATE,
    FEATURE_NORM,
    CONSTANT,
    KNN,
    LINEAR_PROBE,
    LOGME,
    H_SCORE,
    H_SCORE_REGULARIZED,
    PED_SFDA,
    PED_LOGME,
    PED_GBC,
    PED_NLEEP,
    NEAREST_CENTROID,
    SFDA,
    GBC,
    ETRAN_LDA,
    ETRAN_ENERGY,
    ETRAN,
    NCTI,
    NLEEP,
    LEEP,
    NCE,
    PACTRAN_GAUSS,
    PACTRAN_DIRICHLET,
    PACTRAN_GAMMA,
    PARC,
    RSA,
    DDS,
    TRANSRATE,
  )
}

# What the evidence speaks for (docs/findings.md), and what `rank` takes beside it where no
# metric is named: the published method, and the strong and cheap baselines.
RECOMMENDED = "lead_held_out"
DEFAULT_METRICS = (RECOMMENDED, "lead", "knn", "linear_probe")
