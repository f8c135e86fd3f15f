"""What a ranking run leaves behind: rows, and the report that holds them."""

import csv
import dataclasses
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from lead_jax.system import write_text

SCORE_COLUMNS = (
  "model",
  "metric",
  "score",
  "rank",
  "status",
  "seconds",
  "cached",
  "std",
  "draws",
)


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
      images (`certainty.stratified_halves`), the same parts for all models.
    resampled_parts: The same of what pool-relative scores are made of.
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
    flops: Floating-point operations an image, a multiply and an add counted as two.
    source_accuracy: Stated accuracy on the source data, in percent.
    feature_dim: D.
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
  features_cached: bool = False
  seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
  peak_memory_mib: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ModelCertainty:
  """How far chance in the images moves one model.

  Attributes:
    model: Name.
    score_low: Lower end of the score's interval.
    score_high: Upper end.
    rank_low: The better end of the rank's interval; 1 is best.
    rank_high: The worse end.
    p_best: How often it is first, in [0, 1].
  """

  model: str
  score_low: float
  score_high: float
  rank_low: int
  rank_high: int
  p_best: float


@dataclasses.dataclass(frozen=True)
class Certainty:
  """What resampling the images says about a ranking.

  It says how the same metric would have ranked other images like these; whether the
  metric is right about fine-tuning is another question.

  Attributes:
    metric: Whose ranking.
    draws: How many parts of the images were scored.
    images: In each part.
    level: Of the intervals.
    models: Those with draws, the best first.
    groups: Models, the best first; none of a group can be told from the group's first.
    reason: Why there are no intervals, where there are none.
  """

  metric: str
  draws: int = 0
  images: int = 0
  level: float = 0.95
  models: Sequence[ModelCertainty] = ()
  groups: Sequence[Sequence[str]] = ()
  reason: str = ""

  def of(self, model: str) -> ModelCertainty | None:
    """Returns what is known of a model; None where it has no interval."""
    return next((row for row in self.models if row.model == model), None)


@dataclasses.dataclass(frozen=True)
class Report:
  """The whole of a run.

  Attributes:
    dataset: Name, split, sizes, class names, fingerprint, skipped images.
    config: What was asked for and of what; runs that differ in it may differ in scores.
    environment: Versions, device, platform, time.
    metrics: Names, in the order asked for; the first is the one that ranks the table.
    metric_facts: By metric, what it is: description, unit, cost, what it needs, whether it
      is random, whether it is relative to the models of the run.
    models: One row a model, in the order asked for.
    scores: One row a model and metric.
    warnings: One line each.
    ground_truth: True accuracy by model, where known.
    agreement: By metric, how its ranking agrees with the ground truth.
    static_agreement: The same of rankings that never look at the target: parameters,
      source accuracy, mean rank on the other data sets of the ground truth.
    complete: Whether every model was reached.
    certainty: What resampling the images says; None where that was not asked for.
    command: That makes this report again; empty where it is not known.
  """

  dataset: Mapping[str, Any]
  config: Mapping[str, Any]
  environment: Mapping[str, Any]
  metrics: Sequence[str]
  models: Sequence[ModelRow]
  scores: Sequence[ScoreRow]
  warnings: Sequence[str] = ()
  ground_truth: Mapping[str, float] = dataclasses.field(default_factory=dict)
  agreement: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
  static_agreement: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  metric_facts: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  complete: bool = True
  certainty: Certainty | None = None
  command: str = ""

  def score_of(self, model: str, metric: str) -> ScoreRow:
    """Returns the row of a model under a metric; KeyError if there is none."""
    for row in self.scores:
      if row.model == model and row.metric == metric:
        return row
    raise KeyError((model, metric))

  def ranking(self, metric: str | None = None) -> list[str]:
    """Returns the models that have a score, best first.

    Args:
      metric: The report's first metric where None.
    """
    metric = self.metrics[0] if metric is None else metric
    rows = [r for r in self.scores if r.metric == metric and r.rank is not None]
    return [row.model for row in sorted(rows, key=lambda row: (row.rank, row.model))]

  def to_dict(self) -> dict[str, Any]:
    """Returns JSON values; scores that do not exist are None."""
    content = dataclasses.asdict(self)
    return json_values(content)

  def to_json(self, path: str | os.PathLike) -> None:
    """Writes the whole report as JSON, atomically."""
    text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")

  def to_html(self, path: str | os.PathLike) -> None:
    """Writes the report for people: one file that needs no other, atomically."""
    from lead_jax.report import as_html

    write_text(path, as_html(self))

  def to_markdown(self, path: str | os.PathLike) -> None:
    """Writes the report as Markdown, atomically."""
    from lead_jax.report import as_markdown

    write_text(path, as_markdown(self))

  def to_latex(self, path: str | os.PathLike) -> None:
    """Writes the report's tables for a LaTeX document, atomically."""
    from lead_jax.report import as_latex

    write_text(path, as_latex(self))

  def to_csv(self, path: str | os.PathLike) -> None:
    """Writes one line a model and metric, atomically; no score is an empty field."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(SCORE_COLUMNS)
    for row in self.scores:
      score = "" if math.isnan(row.score) else repr(row.score)
      rank = "" if row.rank is None else row.rank
      cells = (row.model, row.metric, score, rank, row.status)
      std = "" if row.std is None else repr(row.std)
      cost = (f"{row.seconds:.4f}", str(row.cached).lower())
      writer.writerow((*cells, *cost, std, row.draws))
    write_text(path, buffer.getvalue())


def json_values(value: Any) -> Any:
  """Returns what JSON can hold: no tuples; NaN as None, infinity by name."""
  if isinstance(value, Mapping):
    return {str(k): json_values(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [json_values(v) for v in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
  return value
