"""The checks of the built package notice what is wrong with it."""

import zipfile

import pytest

from experiments import check_package
from experiments.packaging import checks


@pytest.fixture
def wheel(tmp_path):
  """Returns a function: files to add, files to leave out, description -> a wheel."""

  def make(*, added=(), left_out=(), description="See [this](https://example.org)."):
    path = tmp_path / "lead_jax.whl"
    with zipfile.ZipFile(path, "w") as archive:
      for file in (checks.ROOT / "lead_jax").rglob("*"):
        name = file.relative_to(checks.ROOT).as_posix()
        if file.is_file() and file.suffix != ".pyc" and name not in left_out:
          archive.writestr(name, "")
      for name in added:
        archive.writestr(name, "")
      metadata = f"Name: lead_jax\n\n{description}"
      archive.writestr("lead_jax-0.dist-info/METADATA", metadata)
    return path

  return make


@pytest.mark.parametrize(
  ("change", "holds"),
  [
    ({}, [True, True]),
    ({"added": ["tests/test_x.py"]}, [False, True]),
    ({"left_out": ["lead_jax/py.typed"]}, [False, True]),
    ({"description": "See [this](docs/index.md)."}, [True, False]),
  ],
)
def test_the_wheel(wheel, change, holds):
  assert [check.holds for check in checks.check_wheel(wheel(**change))] == holds


def test_the_command_says_each_and_counts_what_fails(monkeypatch, capsys):
  monkeypatch.setattr(checks, "build_both", lambda out: checks.Built(out, out))
  one = checks.Check("small enough", True, "3 MB")
  monkeypatch.setattr(checks, "check_wheel", lambda wheel: [one])
  monkeypatch.setattr(checks, "check_installation", lambda wheel, folder: [])
  two = checks.Check("tests pass", False, "")
  monkeypatch.setattr(checks, "check_sdist", lambda sdist, folder: [two])
  assert check_package.run() == 1
  first, second = capsys.readouterr().out.splitlines()
  assert first.split() == ["ok", "small", "enough", "3", "MB"]
  assert second.split() == ["FAIL", "tests", "pass"]
