from ._dds import (
  DDSResult as DDSResult,
  dds as dds,
)
from ._etran import (
  ETranLDAResult as ETranLDAResult,
  etran_energy as etran_energy,
  etran_lda as etran_lda,
  pool_etran as pool_etran,
)
from ._gbc import (
  gbc_log_overlap as gbc_log_overlap,
)
from ._h_score import (
  HScoreResult as HScoreResult,
  h_score as h_score,
  h_score_regularized as h_score_regularized,
)
from ._knn import (
  knn_accuracy as knn_accuracy,
)
from ._leep import (
  empirical_prediction as empirical_prediction,
  leep as leep,
)
from ._linear_probe import (
  ProbeResult as ProbeResult,
  linear_probe as linear_probe,
  stratified_folds as stratified_folds,
)
from ._logme import (
  LogMEResult as LogMEResult,
  logme as logme,
)
from ._lookup import (
  check_options as check_options,
  evaluate_metric as evaluate_metric,
  find_metric as find_metric,
  known_metrics as known_metrics,
  missing as missing,
  score as score,
  score_pool as score_pool,
)
from ._metric import (
  OK as OK,
  Metric as Metric,
  Options as Options,
  Parts as Parts,
  Problem as Problem,
  Spread as Spread,
  Value as Value,
  join as join,
  option as option,
)
from ._nce import (
  nce as nce,
)
from ._ncti import (
  NCTIResult as NCTIResult,
  ncti as ncti,
  pool_ncti as pool_ncti,
)
from ._nearest_centroid import (
  nearest_centroid as nearest_centroid,
)
from ._nleep import (
  nleep as nleep,
)
from ._pactran_gauss import (
  PACTranGaussResult as PACTranGaussResult,
  pactran_gauss as pactran_gauss,
)
from ._pactran_mean_field import (
  pactran_mean_field as pactran_mean_field,
)
from ._parc import (
  PARCResult as PARCResult,
  parc as parc,
)
from ._ped import (
  PushResult as PushResult,
  push_overlapping_classes as push_overlapping_classes,
)
from ._rsa import (
  RSAResult as RSAResult,
  rsa as rsa,
)
from ._sfda import (
  SFDAFits as SFDAFits,
  SFDAResult as SFDAResult,
  fit_sfda_discriminants as fit_sfda_discriminants,
  sfda as sfda,
)
from ._streaming import (
  STREAMING as STREAMING,
  score_stream as score_stream,
)
from ._table import (
  DEFAULT_METRICS as DEFAULT_METRICS,
  METRICS as METRICS,
  RECOMMENDED as RECOMMENDED,
)
from ._transrate import (
  CodingRates as CodingRates,
  transrate as transrate,
)
