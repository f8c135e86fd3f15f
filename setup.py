"""Packaging: all that can be static is in pyproject.toml; here, the long description."""

import pathlib
import re
import tomllib

from setuptools import setup

HERE = pathlib.Path(__file__).resolve().parent
_LINK = re.compile(r"""(\]\(|\b(?:src|href)=")(?!https?:|mailto:|#)([^)"\s]+)""")
_PICTURE = (".png", ".svg", ".jpg", ".gif")


def long_description() -> str:
  """Returns the README with its links into the repository made absolute.

  A package index shows the README without the files around it.
  """
  with open(HERE / "pyproject.toml", "rb") as file:
    source = tomllib.load(file)["project"]["urls"]["Source"]

  def absolute(found: re.Match[str]) -> str:
    before, target = found.groups()
    kind = "raw" if target.endswith(_PICTURE) else "blob"
    return f"{before}{source}/{kind}/main/{target}"

  return _LINK.sub(absolute, (HERE / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
  setup(
    long_description=long_description(),
    long_description_content_type="text/markdown",
  )
