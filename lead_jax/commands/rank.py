"""`lead-rank`: from flags to a ranked table.

Exit codes: 0, every model has a score by every metric named (what `all` adds may lack what
it needs, and says so); 1, the reader of a pipe went away; 2, the input was wrong, a model
failed or the results could not be written (one line each says what and what to do); 130,
143 or 129, stopped by Ctrl-C, SIGTERM or SIGHUP after what was done had been written.
"""

import ast
import contextlib
import pathlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from lead_jax.checks import InputError, file_name, parameter, visible
from lead_jax.commands._ending import end_well, read_flags
from lead_jax.commands._flags import SharedFlags, chosen_cache_dir
from lead_jax.commands._shard import Shard, chosen_shard, said_of_part, whole_command
from lead_jax.commands._stdout import complain, print_bytes, print_text, terminal
from lead_jax.system import user_path

if TYPE_CHECKING:
  from lead_jax.results import Report

USAGE = """Ranks pre-trained models by how well they will fine-tune on your images.

Usage:
  lead-rank [DATASET] [--zoo=zoo.json] [--models=A,B] [--metrics=lead,knn] [--out=DIR]
  lead-rank models [--weights_dir=DIR]
  lead-rank metrics
  lead-rank compare OLD NEW

DATASET is a folder with one sub-folder per class, tfds:NAME, npz:FILE, aircraft:FOLDER or
digits. Without arguments, the bundled zoo is ranked on the bundled digits; this needs no
network connection. `lead-rank models` lists the published models that can be named,
`lead-rank metrics` lists the metrics, `lead-rank compare` shows what differs between two
reports (a folder of such a name is ./models, ./metrics or ./compare).

Examples:
  lead-rank
  lead-rank photos/ --zoo=zoo.json --out=runs/photos
  lead-rank photos/ --models=resnet50,mobilenet_v2,moco_v2,timm/vit_small_patch16_224
  lead-rank photos/ --models=supervised --weights_dir=weights/
  lead-rank photos/ --zoo=zoo.json --models=small,large,resnet50=mine.pth
  lead-rank npz:labels_and_images.npz --models=features:mine.npz,features:theirs.npz
  lead-rank photos/ --zoo=zoo.json --metrics=all --reference=resnet50
  lead-rank digits --metrics=lead --option=lead.classifier=lda --option=lead.t=2
  lead-rank photos/ --zoo=zoo.json --format=json | jq .certainty.models
  lead-rank photos/ --zoo=zoo.json --cache_dir=shared/ --shard=3/8
"""

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_shared = SharedFlags(FLAGS)
_ZOO = _shared.zoo()
_MODELS = _shared.models()
_METRICS = _shared.metrics("those that `lead-rank metrics` marks")
_OPTION = flags.DEFINE_multi_string(
  "option",
  [],
  "Option of a metric, METRIC.NAME=VALUE. May be repeated.",
  flag_values=FLAGS,
)
_SPLIT = flags.DEFINE_enum(
  "split",
  "train",
  ["train", "test", "all"],
  "Part of the data set to score on. A data set without parts is used whole.",
  flag_values=FLAGS,
)
_DUPLICATES = _shared.duplicates()
_OUT = flags.DEFINE_string(
  "out",
  None,
  "Folder to write the results to: report.html, report.md, report.tex, report.json and "
  "scores.csv. Default: runs/DATASET.",
  flag_values=FLAGS,
)
_OVERWRITE = _shared.overwrite()
_GROUND_TRUTH = _shared.ground_truth()
_REFERENCE = flags.DEFINE_string(
  "reference",
  None,
  "Model whose features rsa and dds compare with; named as in --models.",
  flag_values=FLAGS,
)
_SOURCE_DATA = flags.DEFINE_string(
  "source_data",
  None,
  "Images that the models were pre-trained on, named as DATASET. ped uses the statistics "
  "of their features.",
  flag_values=FLAGS,
)
_CACHE_DIR = _shared.cache_dir()
_DATA_DIR = _shared.data_dir()
_WEIGHTS_DIR = _shared.weights_dir()
_DOWNLOAD = _shared.download(True)
_BATCH_SIZE = _shared.batch_size()
_CHECK_WEIGHTS = _shared.check_weights()
_NETWORK_BUDGET = _shared.network_budget()
_PRECISION = _shared.precision()
_RESAMPLES = flags.DEFINE_integer(
  "resamples",
  None,
  "Number of random subsets of the images that the first metric scores too, for intervals "
  "of its ranks; 0: none. Default: 50, or 20 if a score takes seconds.",
  flag_values=FLAGS,
)
# By format, the file whose text is printed.
_FILES = {"json": "report.json", "csv": "scores.csv", "md": "report.md"}
_FORMAT = flags.DEFINE_enum(
  "format",
  "table",
  ["table", *_FILES],
  "What to print: a table, or the text of report.json, scores.csv or report.md.",
  flag_values=FLAGS,
)
_SEED = _shared.seed()
_SHARD = _shared.shard()


def parse_options(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
  """Reads `METRIC.NAME=VALUE` texts.

  Values that read as Python numbers, tuples, booleans or None become those; all others
  stay text.

  Raises:
    InputError: If a text has another form.
  """
  options: dict[str, dict[str, Any]] = {}
  for text in texts:
    name, equals, value = text.partition("=")
    metric, dot, option = name.partition(".")
    if not (equals and dot and metric and option):
      raise InputError(
        f"{parameter('option', text)}: write METRIC.NAME=VALUE, like lead.t=2"
      )
    read: Any = value
    with contextlib.suppress(
      ValueError, SyntaxError, TypeError, MemoryError, RecursionError
    ):
      read = ast.literal_eval(value)
    options.setdefault(metric, {})[option] = read
  return options


def main(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return end_well("lead-rank", lambda: _main(argv))


def _main(argv: Sequence[str]) -> int:
  arguments = read_flags(FLAGS, USAGE, argv, arguments=3)
  if arguments is None:
    return 0
  if arguments[:1] == ["compare"]:
    return _compare(arguments[1:])
  if len(arguments) > 1:
    raise InputError(f"unknown argument {arguments[1]!r}; see --help")
  if arguments == ["models"]:
    return _list_models()
  if arguments == ["metrics"]:
    return _list_metrics()
  return _rank(arguments[0] if arguments else "digits")


def _refuse_flags(listing: str, *taken: flags.FlagHolder) -> None:
  """Raises InputError if a flag is given that a listing does not take."""
  names = [flag.name for flag in taken]
  for name in FLAGS:
    if FLAGS[name].present and name not in names:
      takes = " and ".join(parameter(known) for known in names) or "no flags"
      raise InputError(f"lead-rank {listing} takes {takes}, not {parameter(name)}")


def _list_models() -> int:
  from lead_jax import report
  from lead_jax.backbones.catalogue import WeightSources

  _refuse_flags("models", _WEIGHTS_DIR, _CACHE_DIR)
  width, color = terminal()
  if not sys.stdout.isatty():
    width = 1000  # An address in two lines could not be copied.
  sources = WeightSources(_WEIGHTS_DIR.value, chosen_cache_dir(_CACHE_DIR.value))
  print_text(report.render_models(sources, width=width, color=color))
  return 0


def _list_metrics() -> int:
  from lead_jax.metrics import DEFAULT_METRICS, METRICS, find_metric, known_metrics

  _refuse_flags("metrics")
  known = known_metrics()
  width = max(map(len, known))
  for name, source in known.items():
    mark = "*" if name in DEFAULT_METRICS else " "
    try:
      text = find_metric(name).description
    except InputError as error:  # of a plug-in: the others are listed all the same
      text = f"failed: {error}"
    text += "" if name in METRICS else f" (plug-in of {source})"
    print_text(f"{mark} {name:<{width}}  {text}")
  print_text(f"* used by default, in this order: {', '.join(DEFAULT_METRICS)}")
  return 0


def _compare(folders: Sequence[str]) -> int:
  from lead_jax.report import render_comparison
  from lead_jax.results import compare, read_report

  _refuse_flags("compare")
  if len(folders) != 2:
    raise InputError(
      f"compare takes two reports, OLD and NEW, got {len(folders)}: name two "
      "report.json files or the folders that hold them"
    )
  old, new = map(read_report, folders)
  width, color = terminal()
  print_text(render_comparison(compare(old, new), width=width, color=color))
  return 0


def _rank(dataset: str) -> int:
  import lead_jax
  from lead_jax import report
  from lead_jax.system import keep_compiled

  keep_compiled(chosen_cache_dir(_CACHE_DIR.value))
  listener = report.RankProgress()
  out = user_path(_OUT.value or pathlib.Path("runs") / _folder_name(dataset))
  asked: dict[str, Any] = {
    "dataset": dataset,
    "models": _MODELS.value,
    "metrics": _METRICS.value,
    "zoo": _ZOO.value,
    "split": _SPLIT.value,
    "duplicates": _DUPLICATES.value,
    "seed": _SEED.value,
    "options": parse_options(_OPTION.value),
    "batch_size": _BATCH_SIZE.value,
    "cache_dir": _CACHE_DIR.value,
    "ground_truth": _GROUND_TRUTH.value,
    "reference": _REFERENCE.value,
    "source_data": _SOURCE_DATA.value,
    "data_dir": _DATA_DIR.value,
    "weights_dir": _WEIGHTS_DIR.value,
    "download": _DOWNLOAD.value,
    "check_weights": _CHECK_WEIGHTS.value,
    "network_budget": _NETWORK_BUDGET.value,
    "precision": _PRECISION.value,
    "resamples": _RESAMPLES.value,
    "command": whole_command("lead-rank", FLAGS, [dataset]),
    "listener": listener,
  }
  with listener:
    if (shard := chosen_shard(_SHARD.value, listener.told)) is not None:
      return _work(shard, asked)
    result = lead_jax.rank(**asked, out=out, overwrite=_OVERWRITE.value)
  _show(result, None if listener.lost else out)
  failed = _failed(result, _named(result, _METRICS.value))
  if failed:
    count = f"{len(failed)} of {len(result.models)} models"
    complain(
      f"lead-rank: {count} could not be scored by every metric named; the reasons are "
      "above"
    )
  return 2 if failed or listener.lost else 0


def _work(shard: Shard, asked: Mapping[str, Any]) -> int:
  """Works off one part of a run and says how to conclude; writes no report."""
  import lead_jax

  listener = asked["listener"]
  planned = lead_jax.plan(**asked)
  store = lead_jax.open_store(asked["cache_dir"], warn=listener.warned)
  worked = lead_jax.work(planned, store, listener, shard=shard)
  # What is asked of stdout is a report, and there is none.
  say = print_text if _FORMAT.value == "table" else complain
  for line in said_of_part(shard, worked, asked["command"]):
    say(line)
  return 0


def _show(result: "Report", out: pathlib.Path | None) -> None:
  """Prints the result in the format asked for, and where the rest lies if it does."""
  from lead_jax import report

  others = ", ".join((*_FILES.values(), "report.tex"))
  written = "The results could not be written; the reason is above."
  if out is not None:
    written = f"Report: {visible(str(out / 'report.html'))} (and {others})"
  if _FORMAT.value in _FILES:
    print_bytes(report.page(result, _FILES[_FORMAT.value]))
    complain(written)
    return
  width, color = terminal()
  # One terminal for both has the warnings on it already.
  told = sys.stdout.isatty() and sys.stderr.isatty()
  table = report.render(result, width=width, color=color, warnings=not told)
  print_text(f"\n{table}\n\n{written}")


def _named(result: "Report", asked: Sequence[str] | None) -> list[str]:
  """The metrics that were asked for by a name; those that `all` adds were not."""
  from lead_jax.metrics import find_metric

  if asked is None or "all" not in asked:
    return list(result.metrics)
  return [find_metric(ref).name for ref in asked if ref != "all"]


def _failed(result: "Report", named: Sequence[str]) -> set[str]:
  """Models that failed, or by a metric that was asked for by its name."""
  from lead_jax.results import FAILED, NEEDS

  found = {row.model for row in result.models if row.status.startswith(FAILED)}
  for metric in result.metrics:
    if metric in named:
      rows = [row for row in result.scores if row.metric == metric]
      found |= {row.model for row in rows if row.status.startswith(FAILED)}
      if all(row.status.startswith(NEEDS) for row in rows):
        found |= {row.model for row in rows}  # one model without it is no failure
  return found


def _folder_name(dataset: str) -> str:
  """A name for the results of a data set's spec: its last part, without odd letters."""
  last = re.split(r"[/:\\]", dataset.rstrip("/\\"))[-1]
  return file_name(last).strip(".") or "run"


def run() -> None:
  """Entry point of the console command."""
  sys.exit(main(sys.argv))
