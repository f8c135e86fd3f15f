"""Who is told how a run goes on."""

import warnings
from collections.abc import Sequence

from lead_jax.results._plan import Plan
from lead_jax.results._rows import ModelRow, ScoreRow


class Listener:
  """Told of a run's progress; does nothing of its own accord, but for what is lost."""

  def reading(self, dataset: str) -> None:
    """The data set is being read, which takes a while for many images."""

  def planned(self, plan: Plan) -> None:
    """Before the first model."""

  def dealt(self, number: int, count: int, models: Sequence[str]) -> None:
    """This process works off part `number` (from 1) of `count`, which is these models."""

  def waiting(self, model: str, owner: str) -> None:
    """Another process, `HOST:PROCESS` or "", is at a model; called again and again."""

  def started(self, index: int, model: str) -> None:
    """Model number `index` (from 0) is being loaded."""

  def fetching(self, done: int, total: int) -> None:
    """Bytes of the current model's weights so far, of how many (0: not known)."""

  def extracting(self, done: int, total: int) -> None:
    """Images through the current model so far."""

  def scoring(self, metric: str) -> None:
    """A metric of the current model is being computed."""

  def resampling(self, done: int, total: int) -> None:
    """Parts of the images scored for the current model so far."""

  def finished(self, row: ModelRow, scores: Sequence[ScoreRow]) -> None:
    """The current model is done, or has failed; ranks are not yet known."""

  def warned(self, message: str) -> None:
    """Something that the user should know, in one line."""

  def unwritten(self, message: str) -> None:
    """Results could not be written; one line says which and what to do.

    The report that the run returns holds them. Warns, unless a listener does better.
    """
    warnings.warn(message, stacklevel=2)
