"""The project's files, read once for the tests of this folder."""

import pathlib
import tomllib
from collections.abc import Iterator

from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
METADATA = PROJECT["project"]
EXTRAS: dict[str, list[str]] = METADATA["optional-dependencies"]


def requirements_of(lines: list[str]) -> Iterator[Requirement]:
  """Parses requirements; the package's own extras are replaced by what they hold."""
  for requirement in map(Requirement, lines):
    if _canonical(requirement.name) == "lead-jax":
      for extra in requirement.extras:
        yield from requirements_of(EXTRAS[extra])
    else:
      yield requirement


def names_of(lines: list[str]) -> set[str]:
  """Canonical names of what the requirements install, the dependencies not included."""
  return {_canonical(requirement.name) for requirement in requirements_of(lines)}


def pins(name: str) -> dict[str, str]:
  """Reads a file of pins: versions by canonical name."""
  found = {}
  for line in (ROOT / name).read_text("utf-8").splitlines():
    text = line.partition("#")[0].strip()
    if text:
      package, equals, version = text.partition("==")
      assert equals, f"{name}: {text} is not pinned"
      found[_canonical(package)] = version
  return found


def _canonical(name: str) -> str:
  return name.lower().replace("_", "-")
