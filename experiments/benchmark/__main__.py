"""`python -m experiments.benchmark --only=ntk`: our speed against named peers.

Every figure is measured in this one run, on this machine; ratios are what counts.
"""

import importlib
import json

from absl import app, flags, logging

BENCHMARKS = ("startup", "ntk", "svm", "metrics", "extract")

_ONLY = flags.DEFINE_list("only", list(BENCHMARKS), f"Any of {', '.join(BENCHMARKS)}.")
_JSON = flags.DEFINE_string("json", None, "File to write the rows and the machine to.")


def main(argv):
  if unknown := [*argv[1:], *(name for name in _ONLY.value if name not in BENCHMARKS)]:
    raise app.UsageError(
      f"there is no benchmark {unknown[0]!r}: {', '.join(BENCHMARKS)}"
    )
  # JAX says at level INFO which accelerators this machine has not.
  logging.set_verbosity(logging.WARNING)
  from lead_jax.system import environment, write_text

  machine = environment()
  print(
    f"{machine['device']}; {machine['platform']}; {machine['versions']}", flush=True
  )
  rows = []
  for name in _ONLY.value:
    benchmark = importlib.import_module(f"experiments.benchmark.{name}")
    for row in benchmark.run():
      rows.append(row._asdict())
      print(f"{row.name:32} {row.value:12.4g} {row.unit:4} {row.what}", flush=True)
  if _JSON.value:
    write_text(_JSON.value, json.dumps({"machine": machine, "rows": rows}, indent=1))


if __name__ == "__main__":
  app.run(main)
