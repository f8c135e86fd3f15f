"""All tasks in this process, one model after the other."""

from lead_jax.run.engines._turns import Turns
from lead_jax.system import Worked, work_all


def work_here(turns: Turns) -> Worked:
  """Works off a plan; models that other processes are at come last.

  Args:
    turns: Of the plan.

  Returns:
    All models of the plan, in the order in which they were done.
  """
  done = work_all(turns, turns.desk.plan.models)
  return Worked(done, [model for model in done if turns.has_failed(model)])
