"""Numbers of flags that are none, or beyond all use, are one line."""

import pytest

from lead_jax.commands import evaluate, finetune, rank


@pytest.mark.parametrize(
  ("command", "flag", "message"),
  [
    (evaluate, "--noise=nan", "--noise must be a finite number, got nan"),
    (evaluate, "--noise=inf", "--noise must be a finite number, got inf"),
    (evaluate, "--noise=1e400", "--noise must be a finite number, got inf"),
    (evaluate, "--noise=-1", "-1"),
    (evaluate, f"--seed={10**400}", "--seed must be a whole number that fits 64 bits"),
    (evaluate, "--samples=1000000000000", "1000000000000"),
    (evaluate, "--samples=-5", "-5"),
    (rank, f"--seed={10**400}", "--seed must be a whole number that fits 64 bits"),
    (rank, f"--batch_size={10**400}", "--batch_size must be a whole number that fits"),
    (
      rank,
      "--batch_size=1000000",
      "batch_size must be a whole number above 0 and at m",
    ),
    (rank, "--resamples=1000000", "at most 10000"),
    (rank, "--resamples=-1", "resamples must be 0"),
    (rank, f"--seed={'1' * 5000}", "--seed"),
    (rank, "--metrics=", "no metrics were given"),
    (rank, "--models=", "no models were given"),
    (rank, "--models=digits,digits", "is given twice"),
    (rank, f"--option=knn.k={10**400}", "knn"),
    (finetune, "--test_fraction=nan", "--test_fraction must be a finite number"),
  ],
)
def test_they_are_refused_before_any_work(
  command, flag, message, capsys, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert command.main(["command", flag, f"--cache_dir={tmp_path}"]) == 2
  *_, last = capsys.readouterr().err.strip().splitlines()
  assert message in last
  assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["report.html", "scores.csv", "report.json"])
def test_a_folder_where_a_file_goes_is_said_before_work(name, capsys, tmp_path):
  (tmp_path / "out" / name).mkdir(parents=True)
  argv = ["lead-rank", f"--out={tmp_path / 'out'}", f"--cache_dir={tmp_path}"]
  assert rank.main(argv) == 2
  assert f"{name}' is a folder: the results need this name" in capsys.readouterr().err
  assert not (tmp_path / "features" / "arrays").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08\x01garbage"])
def test_a_broken_reference_is_said_before_work(content, capsys, tmp_path):
  path = tmp_path / "broken.npz"
  path.write_bytes(content)
  argv = ["lead-rank", f"--reference=features:{path}", f"--out={tmp_path / 'out'}"]
  assert rank.main([*argv, f"--cache_dir={tmp_path}"]) == 2
  *_, last = capsys.readouterr().err.strip().splitlines()
  assert "broken.npz" in last
  assert "npz file" in last
