"""Kills, damage and full disks, small; in full by the script."""

import json

from experiments import check_reliability as script
from experiments.reliability import damage, disks, job, stops
from experiments.reliability.cases import Found, Kept, go_on, table


def test_damaged_states_are_never_believed(tmp_path):
  for case in range(300):
    found = damage.damage(case, tmp_path)
    assert (found.lost, found.wrong, found.temporary) == ([], [], []), found


def test_what_would_be_wrong_is_found(tmp_path, monkeypatch):
  """The check itself: a store that believes what it reads fails it."""
  from lead_jax.features import _store as store

  monkeypatch.setattr(
    store, "_unseal", lambda data: json.loads(data.split(b"\n", 1)[1])
  )
  monkeypatch.setattr(store, "_array_facts", lambda array: {})
  found = [damage.damage(case, tmp_path) for case in range(60)]
  assert any("believed" in line for one in found for line in one.wrong)


def test_a_killed_run_and_a_full_disk(tmp_path, monkeypatch):
  # A full disk by the limit of a file's size, as users have it that may not mount.
  monkeypatch.setattr(disks, "LEVELS", (4,))
  monkeypatch.setattr(
    disks.subprocess, "run", lambda *a, **k: type("Done", (), {"returncode": 1})
  )
  limited = disks.fill(0, tmp_path)
  assert "4 KiB (RLIMIT_FSIZE), exit code 2" in limited.kind
  monkeypatch.undo()
  stopped = stops.stop(1, tmp_path, 3.0)  # SIGTERM
  for found in (limited, stopped):
    assert (found.lost, found.wrong, found.temporary) == ([], [], []), found
  assert not [path.name for path in tmp_path.iterdir() if path.name != "reference"]


def test_a_check_goes_on_where_it_was(tmp_path, capsys):
  kept = Kept(tmp_path / "cases.jsonl")
  case = lambda number: Found("a", number, "kind", [], ["other"] * (number == 1), [])
  assert list(go_on(kept, "a", 4, case, until=0.0)) == []
  assert len(list(go_on(kept, "a", 2, case, until=float("inf"), at_once=3))) == 2
  kept = Kept(tmp_path / "cases.jsonl")
  assert [one.case for one in go_on(kept, "a", 3, case, until=float("inf"))] == [2]
  lines = table(kept.found(), {"a": 4, "b": 1}).splitlines()
  assert lines[1].split() == ["a", "3", "of", "4", "0", "1", "0"]
  assert lines[2].split() == ["b", "0", "of", "1", "0", "0", "0"]
  assert lines[3] == "a 1 (kind): other"
  none = [f"--{name}=0" for name in ("stops", "races", "disks", "widths")]
  argv = ["x", *none, "--damage=3", "--extractions=1", f"--out={tmp_path / 'script'}"]
  assert script.main(argv) == 0
  printed = capsys.readouterr().out
  assert "3 of 3" in printed
  assert printed.count("1 of 1") == 1


def test_what_a_run_says_is_read():
  ended = job.Ended(
    0, "", "[1/2] a/b: features in 1 s\n[2/2] c: scores from the store\n"
  )
  assert ended.done() == {"a/b", "c"}
  assert ended.stored() == {"c"}
