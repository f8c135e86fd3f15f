"""The table of metrics: every method by its name, one literal.

Costs are the leading terms: N samples, D features, K classes, S samples a class, H the
widths of LEAD's head, Z source classes, C mixture components, P components of a PCA.
"""

from lead_jax.lead_config import lead_config
from lead_jax.metrics import h_score, knn, lead, linear_probe, logme, ped
from lead_jax.metrics.base import Metric

METRICS: dict[str, Metric] = {
  "lead": Metric(
    lead.lead,
    "LEAD, the published form: logits evolved by the class-aware NTK",
    "minus cross-entropy",
    "SVM: about 50 N D K; rates: 8 heads x K S (D + H1) H2",
    lead_config,
    ("variant", *lead.LEAD_OPTIONS),
    random=True,
  ),
  "lead_normalised": Metric(
    lead.lead_normalised,
    "LEAD on features of unit scale, in relative time: for zoos of mixed origin",
    "minus cross-entropy",
    "as lead",
    lead.check_normalised,
    lead.LEAD_OPTIONS,
    random=True,
  ),
  "log_init": Metric(
    lead.log_init,
    "control: LEAD at t = 0, the initial logits alone",
    "minus cross-entropy",
    "SVM: about 50 N D K",
    lead_config,
    lead.INITIAL_OPTIONS,
  ),
  "lambda": Metric(
    lead.mean_rate,
    "control: LEAD's mean rate alone",
    "squared gradient norm",
    "8 heads x K S (D + H1) H2",
    lead_config,
    lead.RATE_OPTIONS,
    random=True,
  ),
  "feature_norm": Metric(
    lead.feature_norm,
    "control: mean squared feature norm, what the rates amount to",
    "squared feature units",
    "N D",
    dict,  # it has no options
  ),
  "constant": Metric(
    lead.constant,
    "control: LEAD with one constant step for every sample",
    "minus cross-entropy",
    "SVM: about 50 N D K",
    lead.check_constant,
    ("coefficient", *lead.INITIAL_OPTIONS),
  ),
  "knn": Metric(
    knn.evaluate,
    "leave-one-out k-nearest-neighbour accuracy (cosine, k = 1)",
    "accuracy",
    "N^2 D",
    knn.check,
    ("k", "distance"),
  ),
  "linear_probe": Metric(
    linear_probe.evaluate,
    "cross-validated accuracy of a linear classifier",
    "accuracy",
    "5 folds x about 100 N D K",
    linear_probe.check,
    ("folds", "l2"),
    random=True,
  ),
  "logme": Metric(
    logme.evaluate,
    "LogME: evidence of a Bayesian linear regression onto the labels",
    "nats a sample",
    "N D^2 + 10 D^3",
    logme.check,
    ("variant",),
  ),
  "h_score": Metric(
    h_score.evaluate_plain,
    "H-score: the share of the features' variance that lies between classes",
    "directions",
    "N D^2 + 10 D^3",
    h_score.check,
    least_per_class=2,
    least_ratio=1,
  ),
  "h_score_regularized": Metric(
    h_score.evaluate_regularized,
    "H-score under Ledoit and Wolf's shrunk covariance",
    "directions",
    "2 N D^2 + 10 D^3",
    h_score.check,
    least_per_class=2,
  ),
  "ped_logme": Metric(
    ped.evaluate_logme,
    "LogME of features whose overlapping classes were pushed apart",
    "nats a sample",
    "as logme + 6 K^2 D",
    ped.check_logme,
    (*ped.PUSH_OPTIONS, "variant"),
    least_per_class=2,
  ),
}

DEFAULT_METRICS = ("lead", "lead_normalised", "knn", "linear_probe")
