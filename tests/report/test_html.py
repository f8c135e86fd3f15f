"""The page as text: escaped, whole, within its policy. tests/browser looks at it."""

import base64
import dataclasses
import hashlib
import html.parser
import itertools
import math
import re

import pytest

from lead_jax.report._html._markup import Markup, sentence, tag
from lead_jax.report._html._page import as_html
from lead_jax.report._html._plots._axes import (
  DIGIT_WIDTH,
  Scale,
  floor_of,
  scale_of,
  short,
  ticks,
)
from lead_jax.report._html._plots._scatter_plot import Box, Dot, scatter
from lead_jax.report._words import Name
from tests.report.reports import HOSTILE, SCRIPT, asked, full_report, small_report


class Elements(html.parser.HTMLParser):
  """Collects elements with their attributes, and the text outside of script and style."""

  def __init__(self, text):
    super().__init__()
    self.found, self.text, self._open = [], [], []
    self.feed(text)
    assert not self._open

  def handle_starttag(self, name, attributes):
    self.found.append((name, dict(attributes)))
    if name not in ("meta", "wbr"):
      self._open.append(name)

  def handle_startendtag(self, name, attributes):
    self.found.append((name, dict(attributes)))

  def handle_endtag(self, name):
    assert self._open.pop() == name

  def handle_data(self, data):
    if not self._open or self._open[-1] not in ("script", "style"):
      self.text.append(data)

  def all(self, name):
    return [attributes for found, attributes in self.found if found == name]


@pytest.fixture(scope="module")
def page():
  return as_html(full_report())


@pytest.fixture(scope="module")
def elements(page):
  return Elements(page)


def test_what_comes_from_outside_is_text(elements):
  assert len(elements.all("script")) == len(elements.all("style")) == 1
  assert not elements.all("img")
  assert not elements.all("b")
  text = "".join(elements.text)
  for name in HOSTILE:
    shown = name.replace("\u202e", "").replace("\n", " ")
    assert shown in text
  values = [row["data-value"] for row in elements.all("th") if "data-value" in row]
  assert SCRIPT in values


def test_nothing_is_fetched_and_nothing_else_runs(page, elements):
  metas = {
    m["http-equiv"]: m["content"] for m in elements.all("meta") if "http-equiv" in m
  }
  policy = metas["Content-Security-Policy"]
  assert policy.startswith("default-src 'none'; ")
  assert "unsafe" not in policy
  for name in ("script", "style"):
    content = page.split(f"<{name}>")[1].split(f"</{name}>")[0]
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{name}-src 'sha256-{digest}'" in policy
  for _, attributes in elements.found:
    assert not {"src", "style", "onclick", "xlink:href"} & attributes.keys()
    assert attributes.get("href", "#").startswith("#")
  assert "url(" not in page
  assert "@import" not in page


def test_ids_are_there_once_and_where_they_are_named(elements):
  ids = [a["id"] for _, a in elements.found if "id" in a]
  assert len(ids) == len(set(ids))
  for _, attributes in elements.found:
    for reference in attributes.get("aria-labelledby", "").split():
      assert reference in ids
    if attributes.get("href"):
      assert attributes["href"][1:] in ids


def test_no_number_is_lost_in_the_drawings(page):
  assert not re.search(r"\b(nan|inf)\b", re.sub(r"<(script|style)>.*?</\1>", "", page))


def test_forty_models_by_all_metrics_are_a_small_file():
  report = full_report()
  more = [f"{i}_{name}" for name in report.ranking() for i in range(3)][:40]
  originals = {name: name.split("_", 1)[1] for name in more}
  models = {row.model: row for row in report.models}
  report = dataclasses.replace(
    report,
    models=[dataclasses.replace(models[originals[m]], model=m) for m in more],
    scores=[
      dataclasses.replace(row, model=m)
      for m in more
      for row in report.scores
      if row.model == originals[m]
    ],
    certainty=dataclasses.replace(
      report.certainty,
      models=[
        dataclasses.replace(report.certainty.of(originals[m]), model=m) for m in more
      ],
      groups=[[m] for m in more],
    ),
  )
  assert len(as_html(report).encode()) < 400_000


def test_a_run_cut_short_without_anything_optional():
  bare = asked(small_report(), dataset={"name": "x"})
  row = dataclasses.replace(bare.models[0], status="not done yet")
  bare = dataclasses.replace(bare, models=[row, *bare.models[1:]])
  elements = Elements(as_html(bare))
  assert "This run was not finished" in "".join(elements.text)
  heads = [a.get("title") for a in elements.all("th")]
  assert not any("other images" in (title or "") for title in heads)


@pytest.mark.parametrize("step", [1e-3, 0.0143, 2.5, 3e4])
def test_labels_of_an_axis_lie_inside_their_drawing(step):
  report = full_report()
  names = [*report.ranking()]
  scores = [
    dataclasses.replace(row, score=-0.067 - step * names.index(row.model))
    if row.metric == report.metrics[0] and row.model in names
    else row
    for row in report.scores
  ]
  page = as_html(dataclasses.replace(report, scores=scores))
  labels = re.findall(r'<text x="([0-9.]+)"[^>]*class="quiet end"[^>]*>([^<]*)<', page)
  assert labels
  for x, text in labels:
    assert float(x) - DIGIT_WIDTH * (len(text) + text.count("−")) >= 0, text


@pytest.mark.parametrize("lowest", [-math.inf, -1.7e308])
@pytest.mark.parametrize("highest", [math.inf, 1.7e308])
def test_scores_beyond_any_axis_are_left_out_of_drawings(lowest, highest):
  report = full_report(metrics=3)
  ends = {report.ranking()[0]: highest, report.ranking()[-1]: lowest}
  scores = [
    dataclasses.replace(row, score=ends.get(row.model, row.score))
    if row.metric == report.metrics[0]
    else row
    for row in report.scores
  ]
  certainty = dataclasses.replace(
    report.certainty,
    models=[
      dataclasses.replace(one, score_low=lowest, score_high=highest)
      for one in report.certainty.models
    ],
  )
  page = as_html(dataclasses.replace(report, scores=scores, certainty=certainty))
  drawings = "".join(re.findall("<svg .*?</svg>", page, flags=re.DOTALL))
  assert not re.search(r"\b(nan|inf)\b|e\+30", drawings)
  only = [
    row for row in scores if row.model in ends and row.metric == report.metrics[0]
  ]
  nothing = dataclasses.replace(
    asked(report, metrics=report.metrics[:1]),
    models=[row for row in report.models if row.model in ends],
    scores=only,
    certainty=None,
  )
  assert "and is not drawn" in as_html(nothing)


def test_what_puzzles_is_explained_beside_it(elements):
  text = "".join(elements.text)
  assert "P(best) and groups answer different questions" in text
  assert "Seconds include downloads of weights" in text


def test_tags():
  assert tag("p", "a < b", class_="x", data_value=1.5, hidden=True, id=None) == (
    '<p class="x" data-value="1.5" hidden>a &lt; b</p>'
  )
  assert tag("p", Markup("<br>"), " & ") == "<p><br> &amp; </p>"
  assert tag("rect", x=1 / 3) == '<rect x="0.33"/>'
  assert sentence(("a <", Name("b_c"))) == ('a &lt;<bdi class="name">b_<wbr>c</bdi>')


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [(0.003, 0.0031), (1, 1e9), (5, 5), (2, 70)])
def test_ticks_are_few_round_and_apart(values, log):
  scale = scale_of(values, 0, 300, log=log)
  found = ticks(scale, 7, lambda _: 40.0)
  assert 1 <= len(found) <= 7 or values == (5, 5)
  places = sorted(map(scale, found))
  assert all(10 <= place <= 290 for place in places)
  assert all(b - a >= 49 for a, b in itertools.pairwise(places))


def test_the_rest_is_not_squeezed_by_what_is_far_worse():
  assert floor_of([1, 2, 3, 4, 5, 6, 7, -100]) > -20
  assert floor_of([1, 2, 3, 4]) == 1
  assert floor_of([2.0]) == 2.0


def test_marks_at_the_edge_lie_side_by_side():
  at_edge = [Dot(20, 90, str(i), "", False, beyond="left") for i in range(3)]
  drawn = scatter([*at_edge, Dot(20, 90, "3", "", True)], Box(0, 0, 200, 100))
  tips = re.findall(r'points="[^"]* ([\d.]+),90.0"', drawn)
  assert sorted(tips) == ["15.5", "25.5", "35.5"]
  assert drawn.count("<circle") == 1


def test_short_names_keep_both_ends():
  assert short("abcdefghij", 1000) == "abcdefghij"
  assert short("abcdefghijkl", 49) == "abc…jkl"
  assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)
  assert not Box(0, 0, 1, 1).meets(Box(1, 0, 2, 1))
