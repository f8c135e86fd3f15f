"""How sure a ranking is: intervals of scores and ranks, and groups of models."""

import dataclasses
from collections.abc import Sequence


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
