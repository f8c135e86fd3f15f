"""All tasks in this process, one model after the other."""

from lead_jax.results import Listener
from lead_jax.run._tasks import Desk, tasks_of


def work_here(desk: Desk, listener: Listener) -> None:
  """Works off a plan.

  Args:
    desk: Of the plan.
    listener: Told of progress.
  """
  for index, model in enumerate(desk.plan.models):
    listener.started(index, model)
    for task in tasks_of(desk.plan, model):
      task.run(desk)
    found = desk.records.of(model)
    listener.finished(found.row, found.scores)
