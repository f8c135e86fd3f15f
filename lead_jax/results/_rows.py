"""The rows of a run: one per model, one per model and metric; and what a status says."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

# Prefix of a status: this metric does not apply to this model. Not a failure.
NEEDS = "needs "
# Prefix of a status: something went wrong; the reason follows.
FAILED = "failed: "
# Architecture of a model that is known by features alone.
READY_FEATURES = "ready features"
# Status of what a plan asks for and the store does not hold.
PENDING = "not done yet"


@dataclasses.dataclass(frozen=True)
class ScoreRow:
  """One model under one metric.

  Attributes:
    model: Name.
    metric: Name.
    score: Larger is better; NaN where there is none.
    rank: 1 is best among the models with a score; ties share the better rank. None
      without a score.
    status: `ok`, or the reason that there is no score, or what to know about it.
    seconds: Wall time of the scoring, when it was computed.
    cached: Whether it was computed in an earlier run.
    details: Further numbers of the metric.
    std: Of a score that depends on chance, its standard deviation over the draws; the
      score is their mean.
    draws: What was drawn: `8 heads`.
    parts: Of a pool-relative metric, what its models are compared by.
    resampled: Of the metric that ranks the table, its scores on random parts of the
      images (`run.certainty.stratified_halves`), the same parts for all models.
    resampled_parts: The same of what pool-relative scores are made of.
    own_status: The status without what the comparison with other models added to it;
      empty where that added nothing.
  """

  model: str
  metric: str
  score: float
  rank: int | None
  status: str
  seconds: float = 0.0
  cached: bool = False
  details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  std: float | None = None
  draws: str = ""
  parts: Mapping[str, float] | None = None
  resampled: Sequence[float] = ()
  resampled_parts: Sequence[Mapping[str, float]] = ()
  own_status: str = ""


@dataclasses.dataclass(frozen=True)
class ModelRow:
  """What is known of a model, and what it cost.

  Attributes:
    model: Name.
    status: `ok`, or why it could not be used.
    architecture: One line.
    pretraining: One line.
    source: Of the weights.
    licence: Of the weights.
    weights_hash: SHA-256 of the weights.
    num_params: As published.
    flops: Floating-point operations per image, a multiply and an add counted as two.
    source_accuracy: Stated accuracy on the source data, in percent.
    feature_dim: D.
    input_range: The least and the largest value that the network can see; empty where
      there is no network.
    features_cached: Whether extraction was spared.
    seconds: Wall time by stage (`load`, `extract`, of which `read` and `compute`,
      `check`, `score`, `resample`).
    peak_memory_mib: Largest resident memory by stage, in MiB.
  """

  model: str
  status: str
  architecture: str = ""
  pretraining: str = ""
  source: str = ""
  licence: str = ""
  weights_hash: str = ""
  num_params: int | None = None
  source_accuracy: float | None = None
  flops: float | None = None
  feature_dim: int | None = None
  input_range: Sequence[float] = ()
  features_cached: bool = False
  seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
  peak_memory_mib: Mapping[str, float] = dataclasses.field(default_factory=dict)
