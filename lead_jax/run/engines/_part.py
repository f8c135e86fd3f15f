"""One part of the tasks in this process; whatever launches the parts tells which."""

from lead_jax.backbones import predicted_costs
from lead_jax.run.engines._turns import Turns
from lead_jax.system import Part, Worked, deal, work_part


def work_here_a_part(turns: Turns, part: Part) -> Worked:
  """Works off one part of a plan; then what is left of the others and nobody is at.

  The models are dealt by what the plan and the zoo say of them, never by the store: all
  parts make the same deal, whenever they begin.

  Args:
    turns: Of the plan.
    part: Which.
  """
  sources = turns.desk.sources
  costs = predicted_costs(sources.models, len(sources.dataset))
  own = deal(costs, part.count)[part.number - 1]
  turns.listener.dealt(part.number, part.count, own)
  done, elsewhere = work_part(turns, part, costs)
  return Worked(done, [m for m in done if turns.has_failed(m)], elsewhere)
