"""The command that prints the papers' tables."""

import subprocess
import sys

import pytest
from absl import flags

from experiments import published
from experiments.published_text import TITLES
from lead_jax import literature
from lead_jax.evaluation._ground_truth import ground_truth_table


@pytest.fixture
def run(capsys):
  """Runs the command in this process: exit code, what it printed, what it complained."""

  def run(*arguments):
    code = published.run(["experiments.published", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err

  return run


def _row(text, name, *, which=0):
  """The numbers of a line of the table, by column; `which` of the grids of the output."""
  lines = [line.split() for line in text.splitlines()]
  heads = [line for line in lines if line[:1] in (["Food"], ["Aircraft"])]
  rows = [line for line in lines if line[:1] == [name]]
  assert len(rows[which]) == len(heads[0]) + 1
  return dict(zip(heads[0], rows[which][1:], strict=True))


def test_the_averages_of_table_1(run):
  code, out, _ = run("--table=1")
  assert code == 0
  assert _row(out, "LEAD")["mean"] == "0.747"
  assert _row(out, "ETran")["mean"] == "0.640"
  assert _row(out, "static")["mean"] == "0.833"
  assert _row(out, "LEAD")["Food"] == "0.892"
  assert "Table 2" not in out
  published_part, ours = out.split("Not published")
  assert "static" in ours
  assert "static" not in published_part


def test_the_static_ranker_of_the_other_zoo(run):
  _, out, _ = run("--table=2,ped1")
  assert _row(out, "static")["mean"] == "0.737"
  assert "prints 0.746 as the average of LEAD; the cells give 0.7454" in out
  assert "prints 0.648 as the average of PED\n" in out  # .6475: a half is rounded up


def test_table_7_corrected_and_printed(run):
  _, out, _ = run("--table=7")
  assert _row(out, "PCLv1")["VOC2007"] == "81.91"
  assert _row(out, "Deepclusterv2", which=1)["VOC2007"] == "0.998"
  assert _row(out, "Selav2", which=1)["VOC2007"] == "1.000"
  assert "VOC2007 PCLv1: printed 91.91, corrected to 81.91" in out
  _, out, _ = run("--table=7", "--version=printed")
  assert _row(out, "PCLv1")["VOC2007"] == "91.91"
  assert _row(out, "Deepclusterv2", which=1)["VOC2007"] == "0.929"
  assert "VOC2007 PCLv1: printed 91.91, misprint for 81.91" in out


def test_table_6_has_no_misprints(run):
  assert run("--table=6")[1] == run("--table=6", "--version=printed")[1]


def test_few_samples(run):
  _, out, _ = run("--table=3")
  (row,) = [line for line in out.splitlines() if line.startswith("PED, supervised")]
  assert row.split()[2:] == ["–"] * 6 + ["0.30", "0.22", "0.27"]
  assert "prints 0.13 as the average of GBC (supervised, N/K = 2)" in out


def test_running_time(run):
  _, out, _ = run("--table=4")
  assert [line.split() for line in out.splitlines()[2:]][-1] == ["LEAD", "45"]


def test_other_measures(run):
  _, out, _ = run("--table=5")
  (row,) = [line for line in out.splitlines() if line.startswith("VOC2007 LEAD")]
  assert row.split()[2:] == ["0.723", "0.788", "0.847", "0.998", "1.000"]
  (row,) = [line for line in out.splitlines() if line.startswith("mean LEAD")]
  assert row.split()[2] == f"{(0.780 + 0.713 + 0.723) / 3:.3f}"


def test_all_tables_by_default(run):
  code, out, _ = run()
  assert code == 0
  assert all(title in out for title in TITLES.values())
  assert set(TITLES) == {*literature.RESULT_TABLES, *literature.GROUND_TRUTH_TABLES}


def test_csv(run):
  _, out, _ = run("--table=7", "--format=csv")
  assert ground_truth_table(out) == literature.published_ground_truth("7")
  _, out, _ = run("--table=3", "--format=csv")
  header, *rows = out.splitlines()
  assert header == ",".join(literature.PublishedResult._fields)
  assert len(rows) == 60
  assert "3,supervised,PED,100+ classes,2,weighted_kendall,,mean of 5 draws" in out


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--table=8"], "there is no table '8': 1, 2, 3, 4, 5, 6, 7, ped1, ped2"),
    (["--table="], "there is no table ''"),
    (["--version=latest"], "value should be one of <corrected|printed>"),
    (["--tables=1"], "Unknown command line flag 'tables'"),
    (["1"], "unknown argument '1'"),
    (["--format=csv"], "--format=csv writes one table"),
    (["--format=csv", "--table=1,2"], "--format=csv writes one table"),
  ],
)
def test_wrong_flags_are_one_line(run, arguments, message):
  code, out, err = run(*arguments)
  assert (code, out) == (2, "")
  assert message in err
  assert err.count("\n") == 1


def test_help(run):
  code, out, _ = run("--help")
  assert code == 0
  assert "--table" in out
  assert "--version" in out


def test_its_flags_are_its_own():
  """Other scripts of the same process may name theirs as they like."""
  assert "experiments.published" not in flags.FLAGS.flags_by_module_dict()


def test_as_a_program():
  command = [sys.executable, "-m", "experiments.published", "--table=8"]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == 2
  assert done.stderr.startswith("experiments.published: there is no table '8'")
