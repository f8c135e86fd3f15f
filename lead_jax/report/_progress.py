"""The progress of a ranking."""

from collections.abc import Sequence

from lead_jax.report._bars import Lines, Shown
from lead_jax.report._words import plural
from lead_jax.results import FAILED, Listener, ModelRow, Plan, ScoreRow


def describe(plan: Plan) -> list[str]:
  """Returns, in a few lines, what a run will do."""
  data = plan.dataset
  decided = "".join(f"; {note}" for note in data.get("notes", ()))
  return [
    f"Data: {data['name']}, {plural(data['samples'], 'image')} of "
    f"{plural(data['classes'], 'class', 'classes')} (split: {data['split']}){decided}",
    f"Models: {len(plan.models)}; metrics: {', '.join(plan.metrics)}",
  ]


class RankProgress(Shown, Listener):
  """The progress of a ranking: one line per model, and what is going on meanwhile."""

  def __init__(self, display: Lines | None = None):
    """Shows on `display`; on stderr where None, live if that is a terminal."""
    super().__init__(display)
    self._total = 0

  def reading(self, dataset: str) -> None:
    self._place = dataset
    self._display.end()
    self._display.say(f"Reading {dataset} ...")

  def planned(self, plan: Plan) -> None:
    self._total = len(plan.models)
    for line in describe(plan):
      self._display.say(line)

  def started(self, index: int, model: str) -> None:
    self._place = f"[{index + 1}/{self._total}] {model}"
    self._display.begin(f"{self._place}: loading")

  def extracting(self, done: int, total: int) -> None:
    self._step("images", f"{done} of {total} images", done, total)

  def scoring(self, metric: str) -> None:
    self._step(metric, f"scoring {metric}")

  def resampling(self, done: int, total: int) -> None:
    text = f"{done} of {total} parts of the images scored"
    self._step("parts of the images", text, done, total)

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    self._display.end()
    self._say(summary(row, scores))


def summary(row: ModelRow, scores: Sequence[ScoreRow]) -> str:
  """Returns a model's stages with their times, or why it failed."""
  if row.status != "ok":
    return row.status
  # A moment where they come from the store too.
  seconds = row.seconds.get("resample", 0)
  resampled = [f"parts of the images in {seconds:.1f} s"] if seconds > 1 else []
  if all(score.cached for score in scores):
    return ", ".join(["scores from the store", *resampled])
  if row.features_cached:
    features = "features from the store"
  else:
    stages = (
      f"{stage} {row.seconds.get(stage, 0):.1f} s" for stage in ("read", "compute")
    )
    features = (
      f"features in {row.seconds.get('extract', 0):.1f} s ({', '.join(stages)})"
    )
  parts = [features, f"scores in {row.seconds.get('score', 0):.1f} s", *resampled]
  parts += [
    f"{score.metric} {score.status}"
    for score in scores
    if score.status.startswith(FAILED)
  ]
  return ", ".join(parts)
