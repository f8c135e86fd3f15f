"""`python -m experiments.published --table=1,7`: the papers' tables and their averages.

What is printed comes from the package's data, not from a run of ours. The one exception
stands apart and says so: the ranking that never looks at the target, made from the
published accuracies, beside the published metrics that were judged by them.

Exit codes: 0, or 2 where a flag is wrong (one line says what).
"""

import csv
import io
import sys
from collections.abc import Sequence

from absl import flags

from experiments.published_text import TITLES, as_text
from lead_jax import literature
from lead_jax.checks import InputError
from lead_jax.commands import run_script

# Of its own, so that importing this module leaves the process-wide flags alone.
FLAGS = flags.FlagValues()
_TABLE = flags.DEFINE_list(
  "table", list(TITLES), f"Any of {', '.join(TITLES)}.", flag_values=FLAGS
)
_VERSION = flags.DEFINE_enum(
  "version",
  "corrected",
  literature.GROUND_TRUTH_VERSIONS,
  "Ground truth as printed, or with the five known misprints corrected.",
  flag_values=FLAGS,
)
_FORMAT = flags.DEFINE_enum(
  "format",
  "text",
  ("text", "csv"),
  "csv: the data of one table; of ground truth, a file for --ground_truth.",
  flag_values=FLAGS,
)


def as_csv(table: str, *, version: str = "corrected") -> str:
  """Returns the data of a table of the papers, without averages."""
  if table in literature.GROUND_TRUTH_TABLES:
    return literature.published_ground_truth_csv(table, version=version)
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(literature.PublishedResult._fields)
  writer.writerows(literature.published_results(table))
  return text.getvalue()


def text_of_tables() -> str:
  """Returns what the flags ask for.

  Raises:
    InputError: If there is no such table, or a CSV of several is asked for.
  """
  unknown = [name for name in _TABLE.value if name not in TITLES]
  if unknown or not _TABLE.value:
    known = ", ".join(TITLES)
    raise InputError(f"there is no table {(unknown or [''])[0]!r}: {known}; see --help")
  if _FORMAT.value == "csv" and len(_TABLE.value) != 1:
    raise InputError("--format=csv writes one table: name it by --table; see --help")
  if _FORMAT.value == "csv":
    return as_csv(_TABLE.value[0], version=_VERSION.value)
  return "\n".join(as_text(table, version=_VERSION.value) for table in _TABLE.value)


def run(argv: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  return run_script(FLAGS, "experiments.published", __doc__, text_of_tables, argv)


if __name__ == "__main__":
  sys.exit(run(sys.argv))
