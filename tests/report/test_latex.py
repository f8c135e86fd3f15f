"""LaTeX tables: escaped, balanced, every row as wide as the table."""

import re

import pytest

from lead_jax.report._latex import as_latex, escape
from tests.report.reports import full_report, small_report


def _without_escapes(text):
  return re.sub(r"\\[{}$&#%_\\]", "", text)


@pytest.mark.parametrize("report", [full_report(), small_report()])
def test_structure(report):
  text = as_latex(report)
  opened = re.findall(r"\\begin\{(\w+)\}", text)
  closed = re.findall(r"\\end\{(\w+)\}", text)
  assert opened == ["table", "tabular"] * (len(opened) // 2)
  assert closed == ["tabular", "table"] * (len(opened) // 2)
  assert len(opened) == (4 if report.agreement else 2)
  bare = _without_escapes(text)
  assert bare.count("{") == bare.count("}")
  assert bare.count("$") % 2 == 0
  for table in text.split(r"\begin{tabular}")[1:]:
    width = len(table[1 : table.index("}")])
    rows = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert len(rows) > 1
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {width - 1}


def test_nothing_from_outside_is_a_command():
  text = as_latex(full_report())
  assert r"\input{secret}" not in text
  assert r"\textbackslash{}input\{secret\}" in text
  assert "<" not in text
  assert text.isascii()


def test_tables_of_two_data_sets_have_labels_of_their_own():
  report = small_report()
  text = as_latex(report)
  assert r"\caption[{Models ranked for photos by \texttt{lead}}]{Models ranked" in text
  assert r"\label{tab:ranking-photos}" in text
  labels = re.findall(r"\\label\{(.*?)\}", as_latex(full_report()))
  expected = "photos-script-alert-model-script"
  assert labels == [f"tab:ranking-{expected}", f"tab:agreement-{expected}"]


@pytest.mark.parametrize(
  ("given", "expected"),
  [
    ("50 % & $x$ #1", r"50 \% \& \$x\$ \#1"),
    ("a_b^c~", r"a\_\allowbreak{}b\textasciicircum{}c\textasciitilde{}"),
    ("\\{}", r"\textbackslash{}\{\}"),
    ("--out", "-{}-out"),
    ("é ł τ −", "é ł $\\tau$ $-$"),
    ("中", "[U+4E2D]"),
    ("ſĸŉ", "[U+017F][U+0138][U+0149]"),  # not in the T1 encoding
  ],
)
def test_escape(given, expected):
  assert escape(given) == expected
