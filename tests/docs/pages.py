"""The pages in `docs/`, README and CONTRIBUTING, and their fenced blocks."""

import dataclasses
import importlib.util
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(
  path.stem for path in (ROOT / "docs").glob("*.md") if path.stem != "readme"
)
PAGES += ["README", "CONTRIBUTING"]

# What the first word after a fence may be, and the second of a block that is not executed.
LANGUAGES = {"python", "bash", "text", "json", "toml", "csv"}
REASONS = {"download", "data", "long", "setup", "torch"}

_FENCE = re.compile(r"^(`{3,})([^`\n]*)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Block:
  """One fenced block.

  Attributes:
    page: Name of the page.
    line: Of its first line of code, from 1.
    language: First word after the fence.
    reason: Second word; empty for what is executed.
    code: What stands between the fences.
    output: Of the `text` block right after it; None where there is none.
  """

  page: str
  line: int
  language: str
  reason: str
  code: str
  output: str | None = None

  @property
  def place(self) -> str:
    return f"{self.page}.md:{self.line}"


def text_of(page: str) -> str:
  """Returns a page's Markdown."""
  return (folder_of(page) / f"{page}.md").read_text("utf-8")


def folder_of(page: str) -> pathlib.Path:
  """Returns the folder that a page lies in: those in capitals at the top."""
  return ROOT if page.isupper() else ROOT / "docs"


def extension(name: str):
  """Returns a module of `docs/_ext`, which is no package."""
  path = ROOT / "docs" / "_ext" / f"{name}.py"
  spec = importlib.util.spec_from_file_location(f"docs_ext_{name}", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def blocks_of(page: str, text: str) -> list[Block]:
  """Returns the blocks of a text, but for Sphinx's directives (`{toctree}`)."""
  found: list[Block] = []
  end = -1
  for match in _FENCE.finditer(text):
    if match[2].startswith("{"):
      continue
    language, _, reason = match[2].strip().partition(" ")
    adjacent = end >= 0 and not text[end : match.start()].strip()
    end = match.end()
    if language == "text" and adjacent and found and found[-1].language != "text":
      found[-1] = dataclasses.replace(found[-1], output=match[3])
    line = text.count("\n", 0, match.start()) + 2
    found.append(Block(page, line, language, reason, match[3]))
  return found
