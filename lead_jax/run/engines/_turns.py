"""One model at a time, and none that another process is at."""

import dataclasses
import time
from collections.abc import Sequence

from lead_jax.results import FAILED, Listener
from lead_jax.run._tasks import Desk, tasks_of
from lead_jax.system import Claims, content_key

# Between two looks at what others do; more after each look, up to the second.
_LEAST_SECONDS, _MOST_SECONDS = 0.1, 2.0


@dataclasses.dataclass(frozen=True)
class Turns:
  """Works models of a plan off, each under a claim.

  Claims are on a model and a data set, so that runs by other metrics wait for features
  that are being extracted, too.

  Attributes:
    desk: Of the plan.
    claims: Beside the store.
    listener: Told of progress.
  """

  desk: Desk
  claims: Claims
  listener: Listener

  def status(self, model: str) -> str:
    """Returns what the store says of a model: `ok`, why it failed, or not done yet."""
    return self.desk.records.status(model)

  def failed(self, models: Sequence[str]) -> list[str]:
    """Returns those of some models that have failed."""
    return [model for model in models if self.status(model).startswith(FAILED)]

  def take(self, model: str) -> bool:
    """Works a model off, unless a living process is at it; returns whether it did.

    What is done already is gone through without a claim: nothing of it is computed.
    """
    if self.status(model) == "ok":
      self._work(model)
      return True
    with self.claims.holding(self.key(model)) as mine:
      if mine:
        self._work(model)
    return mine

  def key(self, model: str) -> str:
    """Returns what a model is claimed by."""
    plan = self.desk.plan
    return content_key(
      claim=model, dataset=plan.dataset.get("fingerprint"), precision=plan.precision
    )

  def _work(self, model: str) -> None:
    self.listener.started(list(self.desk.plan.models).index(model), model)
    for task in tasks_of(self.desk.plan, model):
      task.run(self.desk)
    found = self.desk.records.of(model)
    self.listener.finished(found.row, found.scores)

  def wait(self, model: str, times: int) -> None:
    """Waits a moment for whoever is at a model, and says so.

    Args:
      model: Whose turn it would be.
      times: How often this was done since anything happened.
    """
    self.listener.waiting(model, self.claims.owner(self.key(model)))
    time.sleep(min(_LEAST_SECONDS * 2**times, _MOST_SECONDS))
