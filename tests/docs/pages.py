"""The fenced blocks of the pages, as they stand in `docs/` and in the README."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(
  path.stem for path in (ROOT / "docs").glob("*.md") if path.stem != "readme"
)
PAGES.append("README")

# What the first word after a fence may be, and the second of a block that is not executed.
LANGUAGES = {"python", "bash", "text", "json", "csv"}
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
  folder = ROOT if page == "README" else ROOT / "docs"
  return (folder / f"{page}.md").read_text("utf-8")


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
