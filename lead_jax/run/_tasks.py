"""Tasks: the smallest pieces of a plan worth keeping.

A task reads the store and writes the store, nothing else: running it twice does no harm,
and whoever runs it leaves the same.
"""

import dataclasses
import math
from collections.abc import Iterator

from lead_jax.checks import InputError, reason
from lead_jax.results import FAILED, ModelRow, Plan
from lead_jax.run._bench import Bench, Opened
from lead_jax.run._copies_of_run import score_with_copies
from lead_jax.run._records import Records
from lead_jax.run._score import resample, score
from lead_jax.run._sources import Sources
from lead_jax.run.certainty import stratified_halves
from lead_jax.system import environment


@dataclasses.dataclass
class Desk:
  """What tasks of a plan are done at; keeps the model open that was asked for last.

  Attributes:
    sources: Data set, models, metrics.
    bench: Scores one model.
    records: Of the plan, in the store.
  """

  sources: Sources
  bench: Bench
  records: Records
  _last: tuple[str, Opened | InputError] | None = None

  @property
  def plan(self) -> Plan:
    """The plan that is worked off."""
    return self.records.plan

  def opened(self, model: str) -> Opened:
    """Returns a model, loaded; raises what is wrong with it, each time it is asked for."""
    if self._last is None or self._last[0] != model:
      spec = self.sources.models[list(self.plan.models).index(model)]
      self._last = None  # two models need not be in memory
      try:
        opened = self.bench.open(spec)
        self.records.begin_model(model, opened.key)
        self._last = (model, opened)
      except (Exception, SystemExit) as error:
        self.fail(model, error, "loading the model")
    assert self._last is not None
    found = self._last[1]
    if isinstance(found, InputError):
      raise found
    return found

  def fail(self, model: str, error: BaseException, doing: str) -> None:
    """Takes note that the model cannot be had, and why; see `checks.reason`."""
    # Not the error itself: what its traceback refers to can be gigabytes.
    self._last = (model, InputError(reason(error, doing)))


@dataclasses.dataclass(frozen=True)
class ScoreTask:
  """One model under one metric; its features are extracted where they are missing."""

  model: str
  metric: str

  def run(self, desk: Desk) -> None:
    """Keeps the row, with the reason where there is no score."""
    metric = desk.sources.metrics[self.metric]
    options = desk.plan.options.get(self.metric, {})
    try:
      opened = desk.opened(self.model)
      row = score(opened, metric, options)
      if self.metric == desk.plan.metrics[0] and not math.isnan(row.score):
        row = score_with_copies(opened, metric, options, row, desk.sources.copies)
    except (Exception, SystemExit) as error:
      # Whatever is wrong with one model must not cost the others their scores.
      desk.fail(self.model, error, "extracting its features")
      return
    desk.records.keep_score(row, opened.key)


@dataclasses.dataclass(frozen=True)
class ResampleTask:
  """Random parts of the images under the metric that orders the table."""

  model: str

  def run(self, desk: Desk) -> None:
    """Keeps the scores of the parts, or the reason that there are none."""
    plan, data = desk.plan, desk.sources.dataset
    try:
      opened = desk.opened(self.model)
    except (Exception, SystemExit):
      return  # the model's own task says why
    if not desk.records.has_score(self.model, plan.metrics[0], opened.key):
      return
    metric = desk.sources.metrics[plan.metrics[0]]
    halves = stratified_halves(data.labels, data.class_names, seed=plan.seed)
    options = plan.options.get(metric.name, {})
    found = resample(opened, metric, options, halves, plan.resamples)
    desk.records.keep_resampled(self.model, found, opened.key)


@dataclasses.dataclass(frozen=True)
class ModelTask:
  """What is known of one model, or why it failed; the last of its tasks."""

  model: str

  def run(self, desk: Desk) -> None:
    """Keeps the model's row: it is done."""
    try:
      opened = desk.opened(self.model)
      row, features = opened.facts(), opened.key
      where = environment() if opened.computed else {}
    except (Exception, SystemExit) as error:
      why = reason(error, "counting its operations")
      row, features = ModelRow(self.model, f"{FAILED}{why}"), ""
      where = environment()
    said, desk.sources.said[:] = list(desk.sources.said), []
    desk.records.keep_model(row, features, where, said)


Task = ScoreTask | ResampleTask | ModelTask


def tasks_of(plan: Plan, model: str) -> Iterator[Task]:
  """Yields the tasks of one model of a plan, in the order in which they are best done."""
  for metric in plan.metrics:
    yield ScoreTask(model, metric)
  if plan.resamples:
    yield ResampleTask(model)
  yield ModelTask(model)
