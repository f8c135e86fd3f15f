"""`lead-rank`: from flags to a ranked table. The only module that knows flags.

Exit codes: 0, every model has a score by every metric named (what `all` adds may lack what
it needs, and says so); 1, the reader of a pipe went away; 2, the input was wrong or a
model failed (one line each says what and what to do); 130, interrupted.
"""

import ast
import contextlib
import io
import os
import pathlib
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

import lead_jax
from lead_jax.checks import InputError
from lead_jax.system import default_cache_dir

USAGE = """Ranks pre-trained models by how well they promise to fine-tune on your images.

Usage:
  lead-rank [DATASET] [--zoo=zoo.json] [--models=A,B] [--metrics=lead,knn] [--out=DIR]
  lead-rank models [--weights_dir=DIR]

DATASET is a folder with one sub-folder a class, tfds:NAME, npz:FILE, aircraft:FOLDER or
digits. Without arguments the bundled zoo is ranked on the bundled digits: no network
needed. `models` lists the published networks that have a name here (./models is a folder).

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

Flags:
"""

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()

_ZOO = flags.DEFINE_string(
  "zoo",
  None,
  "Zoo file (zoo.json) that lists ONNX models; see README.",
  flag_values=FLAGS,
)
_MODELS = flags.DEFINE_list(
  "models",
  None,
  "Models, by name: of the zoo file, digits/NAME (bundled), a published network or a zoo "
  "of them (see `lead-rank models`), timm/NAME, features:FILE.npz; NAME=FILE takes weights "
  "from a file. Default: all of the zoo file, or the bundled zoo.",
  flag_values=FLAGS,
)
_METRICS = flags.DEFINE_list(
  "metrics",
  list(lead_jax.DEFAULT_METRICS),
  "Metrics, or all; the first one orders the table. "
  f"Known: {', '.join(lead_jax.METRICS)}.",
  flag_values=FLAGS,
)
_OPTION = flags.DEFINE_multi_string(
  "option",
  [],
  "An option of a metric, METRIC.NAME=VALUE; may be repeated.",
  flag_values=FLAGS,
)
_SPLIT = flags.DEFINE_enum(
  "split",
  "train",
  ["train", "test", "all"],
  "Which samples are scored.",
  flag_values=FLAGS,
)
_OUT = flags.DEFINE_string(
  "out",
  None,
  "Folder for report.html, report.md, report.tex, report.json and scores.csv. Default: "
  "runs/DATASET.",
  flag_values=FLAGS,
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Replace the results of another run in --out.", flag_values=FLAGS
)
_GROUND_TRUTH = flags.DEFINE_string(
  "ground_truth",
  None,
  "CSV of true accuracies (columns model,dataset,accuracy) to compare with.",
  flag_values=FLAGS,
)
_REFERENCE = flags.DEFINE_string(
  "reference",
  None,
  "Model whose features rsa and dds compare with; named as in --models.",
  flag_values=FLAGS,
)
_SOURCE_DATA = flags.DEFINE_string(
  "source_data",
  None,
  "Images of what the models were pre-trained on, as DATASET; PED uses the statistics of "
  "their features there.",
  flag_values=FLAGS,
)
_CACHE_DIR = flags.DEFINE_string(
  "cache_dir",
  None,
  "Where features and scores are kept. Default: $LEAD_JAX_CACHE or ~/.cache/lead_jax.",
  flag_values=FLAGS,
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir",
  None,
  "Where prepared tfds data sets are. Default: tfds's own.",
  flag_values=FLAGS,
)
_WEIGHTS_DIR = flags.DEFINE_string(
  "weights_dir",
  None,
  "Where weights of published networks are looked for first: files as published, or "
  "NAME.safetensors, NAME.pth.",
  flag_values=FLAGS,
)
_DOWNLOAD = flags.DEFINE_bool(
  "download",
  True,
  "Download weights of published networks that are not on this machine.",
  flag_values=FLAGS,
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size",
  64,
  "Images a batch; scores do not depend on it.",
  lower_bound=1,
  flag_values=FLAGS,
)
_CHECK_WEIGHTS = flags.DEFINE_bool(
  "check_weights",
  True,
  "Refuse weights under a published file name that have not the published digest.",
  flag_values=FLAGS,
)
_PRECISION = flags.DEFINE_enum(
  "precision",
  "float32",
  ["float32", "bfloat16"],
  "Of the networks' products; bfloat16 is faster on accelerators.",
  flag_values=FLAGS,
)
_RESAMPLES = flags.DEFINE_integer(
  "resamples",
  None,
  "Random parts of the images that the first metric scores too, for intervals of its "
  "ranks; 0: none. Default: 50, or 20 where a score takes seconds.",
  flag_values=FLAGS,
)
# By format, the file whose text is printed.
_FILES = {"json": "report.json", "csv": "scores.csv", "md": "report.md"}
_FORMAT = flags.DEFINE_enum(
  "format",
  "table",
  ["table", *_FILES],
  "What is printed: a table, or the text of report.json, scores.csv or report.md.",
  flag_values=FLAGS,
)
_SEED = flags.DEFINE_integer(
  "seed", 0, "Of everything random.", lower_bound=0, flag_values=FLAGS
)


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
      raise InputError(f"--option={text}: write METRIC.NAME=VALUE, like lead.t=2")
    read: Any = value
    with contextlib.suppress(ValueError, SyntaxError):
      read = ast.literal_eval(value)
    options.setdefault(metric, {})[option] = read
  return options


def main(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  if len(argv) > 2:
    print(
      f"lead-rank: one data set at a time, got {', '.join(argv[1:])}", file=sys.stderr
    )
    return 2
  try:
    if argv[1:] == ["models"]:
      return _list_models()
    return _rank(argv[1] if len(argv) == 2 else "digits")
  except InputError as error:
    print(f"lead-rank: {error}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print(
      "lead-rank: interrupted; run the same command again to go on from here",
      file=sys.stderr,
    )
    return 130
  except BrokenPipeError:
    # The reader of a pipe has gone; there is no one left to tell.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _cache_dir() -> pathlib.Path:
  return pathlib.Path(_CACHE_DIR.value or default_cache_dir()).expanduser()


def _terminal() -> tuple[int, bool]:
  """Columns of stdout, and whether it takes colours."""
  # Switched off by any value but the empty one (no-color.org).
  color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
  # A pipe has no width: nothing is folded there that would fit in a line.
  columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 160
  return columns, color


# For a stdout that has no such letters.
_ASCII = str.maketrans({"─": "-", "–": "-", "−": "-", "…": "...", "τ": "tau"})


def _print(text: str) -> None:
  """Prints text; what the encoding of stdout has not, in ASCII or as question marks."""
  try:
    text.encode(sys.stdout.encoding or "utf-8")
  except UnicodeEncodeError:
    text = text.translate(_ASCII)
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors="replace")
  print(text, flush=True)


def _list_models() -> int:
  from lead_jax import report
  from lead_jax.backbones.catalogue import WeightSources

  taken = (_WEIGHTS_DIR.name, _CACHE_DIR.name)
  for name in FLAGS:
    if FLAGS[name].present and name not in taken:
      raise InputError(
        f"lead-rank models takes --{' and --'.join(taken)}, not --{name}"
      )
  width, color = _terminal()
  if not sys.stdout.isatty():
    width = 1000  # An address in two lines could not be copied.
  sources = WeightSources(_WEIGHTS_DIR.value, _cache_dir())
  _print(report.render_models(sources, width=width, color=color))
  return 0


def _rank(dataset: str) -> int:
  from lead_jax import report
  from lead_jax.run import rank
  from lead_jax.system import keep_compiled

  cache_dir = _cache_dir()
  keep_compiled(cache_dir)
  listener = report.LiveProgress() if sys.stderr.isatty() else report.PlainProgress()
  out = pathlib.Path(_OUT.value or pathlib.Path("runs") / _folder_name(dataset))
  out = out.expanduser()
  with listener:
    result = rank(
      dataset,
      _MODELS.value,
      _METRICS.value,
      zoo=_ZOO.value,
      split=_SPLIT.value,
      seed=_SEED.value,
      options=parse_options(_OPTION.value),
      batch_size=_BATCH_SIZE.value,
      cache_dir=cache_dir,
      out=out,
      overwrite=_OVERWRITE.value,
      ground_truth=_GROUND_TRUTH.value,
      reference=_REFERENCE.value,
      source_data=_SOURCE_DATA.value,
      data_dir=_DATA_DIR.value,
      weights_dir=_WEIGHTS_DIR.value,
      download=_DOWNLOAD.value,
      check_weights=_CHECK_WEIGHTS.value,
      precision=_PRECISION.value,
      resamples=_RESAMPLES.value,
      command=_command(dataset),
      listener=listener,
    )
  _show(result, out)
  failed = _failed(result, _METRICS.value)
  if failed:
    count = f"{len(failed)} of {len(result.models)} models"
    print(
      f"lead-rank: {count} could not be scored by every metric named; the reasons are "
      "above",
      file=sys.stderr,
    )
  return 2 if failed else 0


def _show(result: lead_jax.Report, out: pathlib.Path) -> None:
  """Prints the result in the format asked for, and where the rest of it lies."""
  from lead_jax import report

  others = ", ".join((*_FILES.values(), "report.tex"))
  written = f"Report: {out / 'report.html'} (and {others})"
  if _FORMAT.value in _FILES:
    # What was written is what is printed, in its encoding: the two cannot differ.
    content = (out / _FILES[_FORMAT.value]).read_bytes()
    sys.stdout.flush()
    if hasattr(sys.stdout, "buffer"):
      sys.stdout.buffer.write(content)
    else:
      sys.stdout.write(content.decode())  # a notebook's, which takes text alone
    sys.stdout.flush()
    print(written, file=sys.stderr)
    return
  width, color = _terminal()
  # One terminal for both has the warnings on it already.
  told = sys.stdout.isatty() and sys.stderr.isatty()
  table = report.render(result, width=width, color=color, warnings=not told)
  _print(f"\n{table}\n\n{written}")


def _command(dataset: str) -> str:
  """The command line as it was given, all flags written in one way."""
  given = [FLAGS[name] for name in FLAGS if FLAGS[name].present]
  return shlex.join(["lead-rank", dataset, *_serialised(given)])


def _serialised(given: Sequence[flags.Flag]) -> list[str]:
  """Flags as texts; one that was repeated has a line for each value."""
  return [line for flag in given for line in flag.serialize().splitlines()]


def _failed(result: lead_jax.Report, named: Sequence[str]) -> set[str]:
  """Models that failed, or by a metric that was asked for by its name."""
  found = {row.model for row in result.models if row.status.startswith("failed")}
  for metric in result.metrics:
    if metric in named:
      rows = [row for row in result.scores if row.metric == metric]
      found |= {row.model for row in rows if row.status.startswith("failed")}
      if all(row.status.startswith("needs ") for row in rows):
        found |= {row.model for row in rows}  # one network without it is no failure
  return found


def _folder_name(dataset: str) -> str:
  """A name for the results of a data set's spec: its last part, without odd letters."""
  last = dataset.rstrip("/").replace(":", "/").split("/")[-1]
  return (
    "".join(c if c.isalnum() or c in "-_." else "_" for c in last).strip(".") or "run"
  )


def run() -> None:
  """Entry point of the console command."""
  if any(arg in ("-h", "-help", "--help") for arg in sys.argv[1:]):
    print(USAGE + FLAGS.get_help())
    sys.exit(0)
  try:
    argv = FLAGS(sys.argv)
  except flags.Error as error:
    line = " ".join(str(error).split())
    print(f"lead-rank: {line}; see lead-rank --help", file=sys.stderr)
    sys.exit(2)
  sys.exit(main(argv))
