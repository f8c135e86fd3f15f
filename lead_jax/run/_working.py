"""From a plan to a store that holds what the plan asks for."""

from lead_jax.features import FeatureStore
from lead_jax.results import Listener, Plan
from lead_jax.run._bench import Bench
from lead_jax.run._records import Records
from lead_jax.run._sources import sources_of
from lead_jax.run._tasks import Desk
from lead_jax.run.engines import work_here


def work(plan: Plan, store: FeatureStore, listener: Listener | None = None) -> None:
  """Works off a plan: computes what the store does not hold yet.

  Interrupted at any moment, the same call goes on from where it was.

  Args:
    plan: Of `plan`, or read from its JSON values.
    store: Of `open_store`; read and written.
    listener: Told of progress.

  Raises:
    InputError: If the data set or the models are not there any more, or have changed. A
      model that fails is no error but a row.
  """
  listener = listener or Listener()
  sources = sources_of(plan, listener)
  bench = Bench(
    dataset=sources.dataset,
    store=store,
    progress=listener,
    seed=plan.seed,
    batch_size=sources.batch_size,
    reference=sources.reference,
    source_data=sources.source_data,
  )
  listener.planned(plan)
  for line in plan.warnings:
    listener.warned(line)
  work_here(Desk(sources, bench, Records(plan, store)), listener)
