"""What an evaluation found of every ranking, as the table that reports quote.

`python -m experiments.evidence runs/evaluation` prints
`lead_jax/literature/tables/evidence.csv` from the `evaluation.json` in that folder.
"""

import csv
import io
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from lead_jax.checks import InputError
from lead_jax.commands import end_well, print_text, read_flags
from lead_jax.literature import EVIDENCE_COLUMNS
from lead_jax.readers import read_json

FLAGS = flags.FlagValues()

# Where the data had a say in what is judged on them.
_NOTES = {"lead_held_out": "its loss was chosen with these data in view"}


def evidence_table(found: Mapping[str, Any]) -> str:
  """Returns the table.

  Args:
    found: Content of `evaluation.json`.
  """
  text = io.StringIO()
  writer = csv.DictWriter(text, EVIDENCE_COLUMNS, lineterminator="\n")
  writer.writeheader()
  samples = [one["samples"] for one in found["datasets"].values()]
  measured_on = {
    "networks": len(found["models"]),
    "datasets": " ".join(found["datasets"]),
    "fewest_images": min(samples),
    "most_images": max(samples),
  }
  for row in found["rows"]:
    tau = row["measures"]["tau_w"]
    numbers = {
      "tau": tau["mean"],
      "tau_low": tau["low"],
      "tau_high": tau["high"],
      "regret_1": row["measures"]["regret_1"]["mean"],
      "regret_3": row["measures"]["regret_3"]["mean"],
    }
    if numbers["tau"] is None:
      continue
    writer.writerow(
      {
        "ranking": row["method"],
        "kind": row["kind"],
        **{k: "" if v is None else f"{v:.4f}" for k, v in numbers.items()},
        "unscored": row["failures"],
        **measured_on,
        "note": _NOTES.get(row["method"], ""),
      }
    )
  return text.getvalue()


def main(argv: Sequence[str]) -> int:
  """Prints the table; returns the exit code."""

  def work() -> int:
    arguments = read_flags(FLAGS, __doc__, argv, arguments=1)
    if arguments is None:
      return 0
    if not arguments:
      raise InputError("name the folder of an evaluation")
    path = pathlib.Path(arguments[0]) / "evaluation.json"
    print_text(evidence_table(read_json(path)).removesuffix("\n"))
    return 0

  return end_well("experiments.evidence", work)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
