"""What a report says: one summary, from which every output is written.

Table, page, Markdown and LaTeX show this and compute nothing, so that they cannot
disagree with each other; its numbers are those of the report.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from lead_jax.report import (
  _advice as advice,
  _disagreement as disagreement,
  _provenance as provenance,
)
from lead_jax.report._words import Text, clean, names, plural, significant
from lead_jax.results import NEEDS, ModelCertainty, ModelRow, Report, ScoreRow

# Beyond this a number has no place on an axis, like infinity.
_LARGEST = 1e300
# Parts of another stage, whose seconds hold theirs.
_PARTS = ("read", "compute")


@dataclasses.dataclass(frozen=True)
class Cell:
  """One model under one metric.

  Attributes:
    score: Larger is better; None where there is none, or none that is finite.
    rank: 1 is best; None without one.
    std: Over the draws of a score that depends on chance.
    status: `ok`, why there is no score, or what to know about it.
  """

  score: float | None
  rank: int | None
  std: float | None
  status: str

  @property
  def lacks(self) -> bool:
    """Whether there is no score to show without a failure."""
    return self.score is None and (
      self.rank is not None or self.status.startswith(NEEDS)
    )


@dataclasses.dataclass(frozen=True)
class Row:
  """One model, in the order of the ranking.

  Attributes:
    model: Name.
    rank: By the ranking metric; None without one.
    ranks: 95 % interval of the rank; None without one.
    score: By the ranking metric; None where there is none, or none that is finite.
    std: Of a score that depends on chance.
    scores: 95 % interval of the score.
    p_best: How often it is first when the images are resampled, in 0..1.
    group: 1 is the leading one; None where models were not told apart.
    knn: Accuracy in percent.
    linear_probe: Accuracy in percent.
    truth: Accuracy after fine-tuning, in percent.
    params: Number of parameters.
    flops: Floating-point operations per image.
    seconds: That this run spent on it.
    dim: D.
    sees: The least and the largest value that the network sees; empty without one.
    licence: Of the weights.
    architecture: One line.
    pretraining: One line.
    source: Of the weights.
    weights_hash: SHA-256.
    failure: Why it has no place in the ranking; empty where it has one.
    cells: One per metric, in the report's order.
  """

  model: str
  rank: int | None
  ranks: tuple[int, int] | None
  score: float | None
  std: float | None
  scores: tuple[float, float] | None
  p_best: float | None
  group: int | None
  knn: float | None
  linear_probe: float | None
  truth: float | None
  params: int | None
  flops: float | None
  seconds: float
  dim: int | None
  sees: tuple[float, ...]
  licence: str
  architecture: str
  pretraining: str
  source: str
  weights_hash: str
  failure: str
  cells: Sequence[Cell]


@dataclasses.dataclass(frozen=True)
class Agreement:
  """How one ranking agrees with the accuracies after fine-tuning.

  Attributes:
    ranking: A metric, or a ranking that never looks at the data.
    looks: Whether it looks at the data.
    tau: Weighted Kendall.
    tau_paper: As LEAD's Eq. 1 weights it.
    tau_b: Unweighted.
    regret: Accuracy points lost by taking its first.
    models: Compared.
    error: Why there are no numbers; they are then None.
  """

  ranking: str
  looks: bool
  tau: float | None
  tau_paper: float | None
  tau_b: float | None
  regret: float | None
  models: int
  error: str


@dataclasses.dataclass(frozen=True)
class Summary:
  """All that the outputs show.

  Attributes:
    dataset: Its name.
    samples: How many images were scored; None where not known.
    classes: Of how many classes.
    metric: That ranks the table.
    metrics: All of them; the ranking one is the first.
    descriptions: By metric, a sentence on what it is.
    recommendation: Which model, how sure that is, and what speaks for the metric.
    rows: One per model: the ranking, then those without a rank.
    certainty: What the intervals are, or why there are none.
    draws: How many parts of the images were scored; 0 where there are no intervals.
    level: Of the intervals.
    groups: Models that the data cannot tell apart, the best first.
    disagreement: Between the metrics.
    agreement: With the ground truth, the best first.
    seconds_whole: Whether the seconds of every model hold its extraction and its scores,
      so that they can be compared.
    remarks: What to know of models and scores.
    warnings: One line each.
    provenance: What was run.
    command: To run it again; empty where unknown.
    next_step: What to do now.
    complete: Whether every model was reached.
    started: When, ISO 8601; empty where unknown.
  """

  dataset: str
  samples: int | None
  classes: int | None
  metric: str
  metrics: Sequence[str]
  descriptions: Mapping[str, str]
  recommendation: advice.Recommendation
  rows: Sequence[Row]
  certainty: str
  draws: int
  level: float
  groups: Sequence[Sequence[str]]
  disagreement: disagreement.Disagreement
  agreement: Sequence[Agreement]
  seconds_whole: bool
  remarks: Sequence[Text]
  warnings: Sequence[str]
  provenance: Sequence[provenance.Section]
  command: str
  next_step: advice.NextStep
  complete: bool
  started: str

  @property
  def ranked(self) -> list[Row]:
    """The rows that have a rank, and a score that can be drawn."""
    return [row for row in self.rows if None not in (row.rank, row.score)]


def summarise(report: Report) -> Summary:
  """Returns what every output says of a report."""
  rows = _rows(report)
  certainty = report.certainty
  known = certainty is not None and not certainty.reason
  metric = report.metrics[0]
  return Summary(
    dataset=clean(str(report.dataset.get("name", ""))),
    samples=report.dataset.get("samples"),
    classes=report.dataset.get("classes"),
    metric=metric,
    metrics=list(report.metrics),
    descriptions={name: _description(report, name) for name in report.metrics},
    recommendation=advice.recommend(report),
    rows=rows,
    certainty=_certainty_words(report),
    draws=certainty.draws if certainty is not None and known else 0,
    level=certainty.level if certainty is not None else 0.95,
    groups=[list(map(clean, group)) for group in certainty.groups]
    if certainty is not None and known
    else [],
    disagreement=disagreement.disagreement(report),
    agreement=_agreement(report),
    seconds_whole=_seconds_whole(report),
    remarks=_remarks(report),
    warnings=[clean(line) for line in report.warnings],
    provenance=provenance.provenance(report),
    command=clean(str(report.plan.request.get("command", ""))),
    next_step=advice.next_step(report),
    complete=report.complete,
    started=str(report.environment.get("started", "")),
  )


def _rows(report: Report) -> list[Row]:
  metric = report.metrics[0]
  place = {model: i for i, model in enumerate(report.ranking())}
  ordered = sorted(report.models, key=lambda row: place.get(row.model, len(place)))
  scores = {(row.model, row.metric): row for row in report.scores}
  certain, groups = {}, {}
  if report.certainty is not None and not report.certainty.reason:
    certain = {one.model: one for one in report.certainty.models}
    groups = {
      model: number
      for number, group in enumerate(report.certainty.groups, start=1)
      for model in group
    }
  rows = []
  for model in ordered:
    first = scores[model.model, metric]
    sure = certain.get(model.model)
    rows.append(
      Row(
        model=clean(model.model),
        rank=first.rank,
        ranks=None if sure is None else (sure.rank_low, sure.rank_high),
        score=_number(first.score),
        std=first.std,
        scores=_ends(sure),
        p_best=None if sure is None else sure.p_best,
        group=groups.get(model.model),
        knn=_accuracy(scores.get((model.model, "knn"))),
        linear_probe=_accuracy(scores.get((model.model, "linear_probe"))),
        truth=report.ground_truth.get(model.model),
        params=model.num_params,
        flops=model.flops,
        seconds=model_seconds(model),
        dim=model.feature_dim,
        sees=tuple(model.input_range),
        licence=clean(model.licence),
        architecture=clean(model.architecture),
        pretraining=clean(model.pretraining),
        source=clean(model.source),
        weights_hash=model.weights_hash,
        failure=_failure(model, first),
        cells=[_cell(scores[model.model, name]) for name in report.metrics],
      )
    )
  return rows


def model_seconds(model: ModelRow) -> float:
  """What a run spent on a model, over all stages."""
  return sum(value for key, value in model.seconds.items() if key not in _PARTS)


def _number(value: float) -> float | None:
  return value if abs(value) <= _LARGEST else None


def _ends(sure: ModelCertainty | None) -> tuple[float, float] | None:
  """The interval of a score; None without one, or without finite ends."""
  if sure is None:
    return None
  low, high = _number(sure.score_low), _number(sure.score_high)
  return None if low is None or high is None else (low, high)


def _accuracy(row: ScoreRow | None) -> float | None:
  return None if row is None or math.isnan(row.score) else 100 * row.score


def _failure(model: ModelRow, first: ScoreRow) -> str:
  if model.status != "ok":
    return clean(model.status)
  return "" if first.rank is not None else clean(first.status)


def _cell(row: ScoreRow) -> Cell:
  return Cell(_number(row.score), row.rank, row.std, clean(row.status))


def _seconds_whole(report: Report) -> bool:
  done = [row for row in report.models if row.status == "ok"]
  fresh = not any(row.features_cached for row in done)
  return bool(done) and fresh and not any(row.cached for row in report.scores)


def _description(report: Report, metric: str) -> str:
  facts = report.plan.metric_facts.get(metric, {})
  text = f"{facts.get('description', metric)}"
  if unit := facts.get("unit"):
    text += f"; {unit}"
  draws = {row.draws for row in report.scores if row.metric == metric and row.draws}
  if draws:
    text += f"; ± the standard deviation over {' or '.join(sorted(draws))}"
  elif facts.get("random"):
    text += "; depends on the seed"
  if facts.get("relative_to_the_pool"):
    text += "; relative to the other models of this run"
  return f"{text}."


def _certainty_words(report: Report) -> str:
  found, metric = report.certainty, report.metrics[0]
  if found is None:
    return "The images were not resampled: the certainty of the ranking is not known."
  if found.reason:
    return f"The certainty of the ranking is not known: {clean(found.reason)}."
  share = f"{100 * found.level:g} %"
  return (
    f"{metric} also scored {found.draws} random parts of the images, {found.images:,} "
    f"images each. These scores give the {share} intervals of scores and ranks, and "
    "P(best), how often a model would rank first on other images like these. A new group "
    "starts at each model that differs from the first model of the group above it, at "
    f"{share} for all comparisons together. This measures what the choice of images does "
    "to the ranking. It does not measure whether the metric is right about fine-tuning."
  )


def _agreement(report: Report) -> list[Agreement]:
  """The best first; those that cannot be judged last."""
  found = [(name, True, one) for name, one in report.agreement.items()]
  found += [(name, False, one) for name, one in report.static_agreement.items()]
  lines = [
    Agreement(
      name,
      looks,
      one.get("weighted_kendall"),
      one.get("weighted_kendall_paper"),
      one.get("kendall"),
      one.get("regret_at_1"),
      one["models"],
      clean(one.get("error", "")),
    )
    for name, looks, one in found
  ]
  worst = -math.inf
  return sorted(lines, key=lambda one: -(worst if one.tau is None else one.tau))


def _remarks(report: Report) -> list[Text]:
  """What is to be known of models and scores; what holds for many is said once."""
  failed = [row for row in report.models if row.status != "ok"]
  lines: list[Text] = [
    (*names([row.model]), f": {clean(row.status)}") for row in failed
  ]
  gone = {row.model for row in failed}
  models: dict[tuple[str, str], list[str]] = {}
  for metric in report.metrics:
    for row in report.scores:
      if row.metric != metric or row.model in gone:
        continue
      if row.status != "ok":
        models.setdefault((metric, row.status), []).append(row.model)
      if not math.isnan(row.score) and _number(row.score) is None:
        status = f"the score is {significant(row.score)} and is not drawn"
        models.setdefault((metric, status), []).append(row.model)
  for (metric, status), found in models.items():
    who: Text
    if len(found) == len(report.models) - len(failed) > 1:
      who = ("all models",)
    elif len(found) == 1:
      who = names(found)
    else:
      who = (f"{plural(len(found), 'model')} (", *names(found, 6), ")")
    lines.append((*names([metric]), ", ", *who, f": {clean(status)}"))
  return lines
