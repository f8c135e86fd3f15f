"""`python -m experiments.reproduce --table=1 --weights_dir=DIR --data_dir=DIR --out=DIR`

LEAD's Tables 1 to 5 from our own runs: the papers' networks on the papers' data sets, our
figures beside the published ones. What cannot be had (weights, a data set) is left out and
named with what to fetch and where to put it; `--download` fetches what can be fetched.

  --dry_run   says what would be fetched, how much that is, how long it takes
  --rehearse  runs the whole table on random weights and made-up images: no number means
              anything, but every step is the real one

Features and scores are kept as `lead-rank` keeps them: interrupted, the same command goes
on from where it was. Writes `table_N.txt`, `table_N.csv` and, for every data set, the
files of its run. `docs/reproduce.md` says more.

Exit codes: 0; 2 where a flag or the input is wrong (one line says what); 130 interrupted.
"""

import functools
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.checks import InputError
from lead_jax.commands import SharedFlags, run_script

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_TABLE = flags.DEFINE_enum(
  "table",
  None,
  ("1", "2", "3", "4", "5"),
  "Which of LEAD's tables.",
  flag_values=FLAGS,
)
_shared = SharedFlags(FLAGS)
_WEIGHTS_DIR = _shared.weights_dir()
_CHECK_WEIGHTS = _shared.check_weights()
_DATA_DIR = flags.DEFINE_string(
  "data_dir",
  None,
  "Folder with prepared tfds data sets, or with folders of images called Food, Caltech ... "
  "Default: $TFDS_DATA_DIR or ~/tensorflow_datasets.",
  flag_values=FLAGS,
)
_OUT = _shared.out("runs/reproduce")
_CACHE_DIR = _shared.cache_dir()
_DOWNLOAD = _shared.download(False)
_DRY_RUN = flags.DEFINE_bool(
  "dry_run", False, "Say what a run would need; do nothing.", flag_values=FLAGS
)
_REHEARSE = flags.DEFINE_bool(
  "rehearse", False, "Run on random weights and made-up images.", flag_values=FLAGS
)
_MODELS = flags.DEFINE_list(
  "models", [], "Some of the table's networks (lead-rank models).", flag_values=FLAGS
)
_DATASETS = flags.DEFINE_list(
  "datasets", [], "Some of the table's data sets.", flag_values=FLAGS
)
_PREPROCESSING = flags.DEFINE_enum(
  "preprocessing",
  "papers",
  ("papers", "own"),
  "papers: 224 pixels, bicubic, for all, as in their public code; own: as each network's "
  "authors evaluate it.",
  flag_values=FLAGS,
)
_SPLIT = flags.DEFINE_enum(
  "split",
  "all",
  ("all", "train", "test"),
  "Which images are scored; the papers score all of them.",
  flag_values=FLAGS,
)
_DRAWS = _shared.draws()
_MEGABITS = flags.DEFINE_float(
  "megabits",
  100.0,
  "Of your network, for --dry_run.",
  lower_bound=0.1,
  flag_values=FLAGS,
)
_SEED = _shared.seed()
_OVERWRITE = _shared.overwrite()


def reproduce() -> str:
  """Does what the flags ask for; returns what is to be printed.

  Raises:
    InputError: If a flag is wrong, or too little can be had.
  """
  from experiments.reproduction import (
    compare,
    few,
    measure,
    rehearsal,
    supply as supplies,
    tables,
  )
  from lead_jax import report
  from lead_jax.backbones.catalogue import WeightSources
  from lead_jax.system import keep_compiled, make_writable, write_text

  if _TABLE.value is None:
    raise InputError(f"--table is needed: one of {', '.join(tables.TABLES)}")
  table = tables.TABLES[_TABLE.value]
  out = pathlib.Path(_OUT.value).expanduser()
  weights_dir, data_dir = (
    pathlib.Path(flag.value).expanduser() if flag.value else None
    for flag in (_WEIGHTS_DIR, _DATA_DIR)
  )
  if _REHEARSE.value:
    if weights_dir or data_dir or _DOWNLOAD.value:
      raise InputError(
        "--rehearse brings its own weights and data: leave --weights_dir, --data_dir and "
        "--download away"
      )
    weights_dir, data_dir = out / "rehearsal" / "weights", out / "rehearsal" / "data"
  sources = WeightSources(
    weights_dir, _CACHE_DIR.value, _DOWNLOAD.value, _CHECK_WEIGHTS.value
  )
  found = supplies.supply(
    table,
    models=_MODELS.value,
    datasets=_DATASETS.value,
    sources=sources,
    data_dir=data_dir,
  )
  papers = _PREPROCESSING.value == "papers"
  if _DRY_RUN.value:
    return supplies.as_text(
      table,
      found,
      split=_SPLIT.value,
      papers=papers,
      download=_DOWNLOAD.value,
      megabits=_MEGABITS.value,
      rate=supplies.measured_rate(),
      cache_dir=sources.cache,
      data_dir=data_dir,
    )
  make_writable(out)
  keep_compiled(sources.cache)
  if _REHEARSE.value and weights_dir and data_dir:
    rehearsal.write_weights([model.card for model in found.models], weights_dir)
    rehearsal.write_datasets([data.paper for data in found.datasets], data_dir)
  with report.RankProgress() as to:
    ready = measure.make_ready(
      found,
      sources=sources,
      papers=papers,
      listener=to,
    )
    datasets = functools.partial(
      measure.datasets_of,
      ready,
      split=_SPLIT.value,
      data_dir=data_dir,
      download=_DOWNLOAD.value,
      listener=to,
    )
    if table.per_class:
      rows = few.rows_of(
        table,
        ready,
        datasets,
        draws=_DRAWS.value,
        seed=_SEED.value,
        cache_dir=sources.cache,
      )
    else:
      reports = measure.rank_everywhere(
        table,
        ready,
        datasets(),
        out=out,
        seed=_SEED.value,
        cache_dir=sources.cache,
        overwrite=_OVERWRITE.value,
        listener=to,
      )
      if not reports:
        raise InputError(next(iter(ready.missing.values())))
      truth = measure.truth_of(ready.cards)
      rows = compare.rows_of(table, reports, truth, ready.missing)
  text = compare.whole_text(
    table,
    rows,
    ready,
    split=_SPLIT.value,
    preprocessing=_PREPROCESSING.value,
    rehearsed=_REHEARSE.value,
  )
  write_text(out / f"table_{table.number}.csv", compare.as_csv(rows))
  write_text(out / f"table_{table.number}.txt", text)
  return text


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return run_script(FLAGS, "experiments.reproduce", __doc__, reproduce, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
