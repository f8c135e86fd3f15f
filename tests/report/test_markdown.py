"""Markdown that GitHub renders: tables whole, names as they are."""

import dataclasses
import re

import pytest

from lead_jax.report._markdown import as_markdown, code, escape
from lead_jax.report._words import significant
from tests.report.reports import GONE, PLAIN, full_report, small_report


@pytest.fixture(scope="module")
def text():
  return as_markdown(full_report())


def test_tables_are_whole(text):
  blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
  assert len(blocks) == 3
  for block in blocks:
    # A bar that belongs to a cell is escaped.
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
    assert len(columns) == 1
  first = next(line for line in text.splitlines() if line.startswith("| 1 "))
  cells = [cell.strip() for cell in first.strip("|").split("|")]
  report = full_report()
  lines = blocks[1].splitlines()
  assert len(lines) == 2 + len(report.models)
  assert lines[0].count("`") == 2 * len(report.metrics)
  value = significant(report.score_of(PLAIN[0], "knn").score)
  rank = report.score_of(PLAIN[0], "knn").rank
  assert lines[2].split(" | ")[2] == f"{value} ({rank})"
  assert cells[:4] == ["1 (1–3)", f"`{PLAIN[0]}`", "1 (0.92 … 1.08)", "71 %"]


def test_no_html_but_as_text(text):
  without_code = re.sub(r"```\n.*?\n```|`[^`\n]*`", "", text, flags=re.DOTALL)
  assert not re.search(r"(?<!\\)<[a-z/]", without_code)
  assert "\n```\nlead-finetune photos/ --models=" in text
  assert f"`{GONE}`: failed: \\<b\\>" in text


def test_a_fence_is_longer_than_what_is_in_it():
  report = small_report()
  plan = dataclasses.replace(report.plan, request={"command": "lead-rank '```'"})
  report = dataclasses.replace(report, plan=plan)
  assert "\n````\nlead-rank '```'\n````\n" in as_markdown(report)


@pytest.mark.parametrize(
  ("given", "expected"),
  [
    ("a_b", "a_b"),
    ("_a_ *b*", "\\_a\\_ \\*b\\*"),
    ("a|b\\", "a\\|b\\\\"),
    ("a\n# b", "a \\# b"),
    ("<b>&amp;", "\\<b\\>\\&amp;"),
  ],
)
def test_escape(given, expected):
  assert escape(given) == expected


def test_code():
  assert code("a_b<i>") == "`a_b<i>`"
  assert code("a`b|c") == "a\\`b\\|c"
