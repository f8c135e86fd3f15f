"""From a plan to a store that holds what the plan asks for."""

import jax.numpy as jnp

from lead_jax.checks import InputError, check_arguments
from lead_jax.features import EXTRACTION_VERSION, FeatureStore
from lead_jax.results import Listener, Plan
from lead_jax.run._bench import Bench
from lead_jax.run._records import Records
from lead_jax.run._sources import sources_of
from lead_jax.run._tasks import Desk
from lead_jax.run.engines import Turns, work_here, work_here_a_part
from lead_jax.system import Claims, Worked, part_of


@check_arguments()
def work(
  plan: Plan,
  store: FeatureStore,
  listener: Listener | None = None,
  *,
  shard: tuple[int, int] | None = None,
) -> Worked:
  """Works off a plan: computes what the store does not hold yet.

  Interrupted at any moment, the same call goes on from where it was. Several processes
  may work on one store at once: each model is claimed by one of them.

  Args:
    plan: Of `plan`, or read from its JSON values.
    store: Of `open_store`; read and written.
    listener: Told of progress.
    shard: `(i, n)`: works off the i-th of n parts, from 1, then what is left of the
      others and nobody is at. All models where None.

  Returns:
    What this call has done.

  Raises:
    InputError: If the data set or the models are not there any more, or have changed, or
      there is no such part. A model that fails is no error but a row.
  """
  part = None if shard is None else part_of(shard)
  listener = listener or Listener()
  _refuse_other_arithmetic(plan)
  sources = sources_of(plan, listener)
  identities = {name: plan.metric_facts[name]["identity"] for name in plan.metric_facts}
  listener.planned(plan)
  for line in plan.warnings:
    listener.warned(line)
  with Claims(store.root / ".claims") as claims:
    bench = Bench(
      dataset=sources.dataset,
      store=store,
      progress=listener,
      seed=plan.seed,
      batch_size=sources.batch_size,
      reference=sources.reference,
      source_data=sources.source_data,
      identities=identities,
      claims=claims,
    )
    turns = Turns(Desk(sources, bench, Records(plan, store)), claims, listener)
    return work_here(turns) if part is None else work_here_a_part(turns, part)


def _refuse_other_arithmetic(plan: Plan) -> None:
  """Refuses to keep results under a plan that asks for others."""
  x64 = bool(jnp.result_type(float) == jnp.float64)
  if plan.x64 != x64:
    planned, here = ("64", "32") if plan.x64 else ("32", "64")
    raise InputError(
      f"the plan asks for {planned}-bit arithmetic and this process computes in {here} "
      "bits: set jax_enable_x64 as it was, or make the plan again"
    )
  if list(plan.versions) != [EXTRACTION_VERSION]:
    raise InputError(
      "the plan was made by another version of lead_jax, whose features are others: make "
      "it again"
    )
