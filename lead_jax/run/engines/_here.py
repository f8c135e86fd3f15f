"""All tasks in this process, one model after the other."""

from lead_jax.run.engines._turns import Turns


def work_here(turns: Turns) -> list[str]:
  """Works off a plan.

  A model that another process is at is left to it and comes last: then its features and
  scores are in the store. Where that process dies, this one does it.

  Args:
    turns: Of the plan.

  Returns:
    All models of the plan, in the order in which they were done.
  """
  done: list[str] = []
  left = list(turns.desk.plan.models)
  looks = 0
  while left:
    now = [model for model in left if turns.take(model)]
    done += now
    left = [model for model in left if model not in now]
    looks = 0 if now else looks + 1
    if left:
      turns.wait(left[0], looks)
  return done
