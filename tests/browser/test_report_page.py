"""The report in a real browser: narrow and wide, light and dark."""

import json

from lead_jax.report._summary import summarise
from lead_jax.report._words import share

_OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"

# Visible texts of each drawing, as boxes on the screen.
_TEXTS = """
Array.from(document.querySelectorAll("svg[role=img]"))
  .filter(svg => svg.getBoundingClientRect().width > 0)
  .map(svg => ({
    name: svg.querySelector("title").textContent,
    frame: svg.getBoundingClientRect().toJSON(),
    texts: Array.from(svg.querySelectorAll("text")).map(
      text => ({what: text.textContent, ...text.getBoundingClientRect().toJSON()})),
  }))
"""

# The least contrast of a text of a drawing with whatever may lie behind it.
_CONTRAST = """
() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = (top, alpha, below) => top.slice(0, 3).map(
    (c, i) => c * alpha + below[i] * (1 - alpha));
  const light = (c) => { const s = c / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; };
  const luminance = (c) =>
    0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
  const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const style = (selector, name) =>
    rgb(getComputedStyle(document.querySelector(selector))[name]);
  const grounds = [style("body", "backgroundColor"), style(".panel", "backgroundColor"),
    style("svg .band", "fill")];
  let least = 21;
  for (const text of document.querySelectorAll("svg text")) {
    const ink = rgb(getComputedStyle(text).fill);
    const cell = text.classList.contains("cell") && text.parentNode.querySelector("rect");
    const alpha = cell ? Number(cell.getAttribute("fill-opacity") || 1) : 0;
    const behind = cell ? [over(rgb(getComputedStyle(cell).fill), alpha, grounds[1])]
      : grounds;
    for (const ground of behind) least = Math.min(least, ratio(ink, ground));
  }
  return least;
}
"""


def _order(page):
  return page.eval_on_selector_all(
    "#main-table tbody tr", "rows => rows.map(row => row.cells[0].dataset.value)"
  )


def test_it_loads_quietly_and_fetches_nothing(page):
  page.evaluate(_OPEN_ALL)
  assert page.trouble == []
  assert page.evaluate("performance.getEntriesByType('resource').length") == 0


def test_the_page_itself_never_scrolls_sideways(page):
  page.evaluate(_OPEN_ALL)
  wide = page.evaluate("document.documentElement.scrollWidth")
  assert wide <= page.viewport_size["width"]
  page.evaluate("window.scrollTo(1000, 0)")
  assert page.evaluate("window.scrollX") == 0


def test_texts_of_drawings_are_whole_and_apart(page):
  drawings = page.evaluate(_TEXTS)
  assert len(drawings) == 6  # intervals, three costs, metrics, truth
  for drawing in drawings:
    frame, texts = drawing["frame"], drawing["texts"]
    assert len(texts) > 4
    for text in texts:
      where = (drawing["name"], text)
      assert text["left"] >= frame["left"] - 0.5, where
      assert text["right"] <= frame["right"] + 0.5, where
      assert text["top"] >= frame["top"] - 0.5, where
      assert text["bottom"] <= frame["bottom"] + 0.5, where
    texts.sort(key=lambda text: text["top"])
    for i, one in enumerate(texts):
      for other in texts[i + 1 :]:
        if other["top"] >= one["bottom"] - 0.5:
          break
        apart = other["left"] >= one["right"] or one["left"] >= other["right"]
        assert apart, (drawing["name"], one["what"], other["what"])


def test_drawings_have_contrast(page):
  assert page.evaluate(_CONTRAST) >= 4.5


def test_axe_finds_nothing(page, axe):
  page.evaluate(_OPEN_ALL)
  # Rows that are like those above them cost minutes and show nothing.
  alike = {"exclude": [["#metrics-table tbody tr:nth-child(n+3)"], ["svg g"]]}
  found = axe.run(page, context=alike)
  assert found.violations_count == 0, found.generate_report()


def test_columns_are_sorted_by_keyboard(page, report):
  assert _order(page) == [row.model for row in summarise(report).rows]
  page.focus(".scroll")
  page.keyboard.press("Tab")
  assert page.evaluate("document.activeElement.textContent") == "model"
  page.keyboard.press("Enter")
  head = page.locator("#main-table th[aria-sort]")
  assert (head.count(), head.get_attribute("aria-sort")) == (1, "ascending")
  names = _order(page)
  assert names == page.evaluate(
    "names => names.toSorted((a, b) => a.localeCompare(b))", names
  )
  while page.evaluate("document.activeElement.textContent") != "params":
    page.keyboard.press("Tab")
  for order in ("descending", "ascending"):
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == order
    params = {row.model: row.num_params for row in report.models}
    found = [params[model] for model in _plain_names(page, report)]
    assert found[-1] is None  # what has none stays last
    known = found[:-1]
    assert known == sorted(known, reverse=order == "descending")


def _plain_names(page, report):
  """The models in the order on the page, by their names in the report."""
  shown = {row.model: one.model for row, one in _pairs(report)}
  return [shown[name] for name in _order(page)]


def _pairs(report):
  models = {row.model: row for row in report.models}
  order = [*report.ranking(), *(m for m in models if m not in report.ranking())]
  return zip(summarise(report).rows, [models[name] for name in order], strict=True)


def test_the_numbers_are_those_of_the_report(page, report):
  content = json.loads(json.dumps(report.to_dict()))
  table = page.evaluate("""
    Object.fromEntries(Array.from(document.querySelectorAll("#main-table tbody tr"),
      row => [row.cells[0].dataset.value,
              Array.from(row.cells).map(cell => [cell.dataset.value, cell.innerText])]))
  """)
  certain = {one["model"]: one for one in content["certainty"]["models"]}
  scores = {(row["model"], row["metric"]): row for row in content["scores"]}
  assert len(table) == len(content["models"])
  for row, model in _pairs(report):
    cells = table[row.model]
    score = scores[model.model, content["plan"]["metrics"][0]]
    if score["rank"] is None:
      assert "failed" in cells[0][1]
      assert cells[1][0] == cells[2][0] == ""
      continue
    sure = certain[model.model]
    assert cells[1][0] == str(score["rank"])
    assert float(cells[2][0]) == score["score"]
    assert float(cells[3][0]) == sure["p_best"]
    assert share(sure["p_best"]) in cells[3][1]
    assert float(cells[4][0]) == 100 * scores[model.model, "knn"]["score"]
    assert float(cells[6][0]) == report.ground_truth[model.model]
    assert cells[7][0] == str(model.num_params)
    low, high = sure["rank_low"], sure["rank_high"]
    assert cells[1][1].split() == [str(score["rank"]), f"{low}–{high}"]


def test_without_scripts_it_is_whole(browser, path, report):
  page = browser.new_page()
  session = browser.new_cdp_session(page)
  session.send("Emulation.setScriptExecutionDisabled", {"value": True})
  page.goto(path.as_uri())
  assert page.locator("#main-table tbody tr").count() == len(report.models)
  assert page.locator("button").count() == 0
  page.close()


def test_on_paper_nothing_is_folded_up_or_cut(browser, path):
  page = browser.new_page()
  page.set_viewport_size({"width": 1280, "height": 900})
  page.goto(path.as_uri())
  page.emulate_media(media="print")
  page.evaluate("dispatchEvent(new Event('beforeprint'))")
  assert page.locator("details:not([open])").count() == 0
  assert (
    page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX")
    == "visible"
  )
  page.close()
