"""The page: what is said in which order, and what a browser may do with it."""

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence

from lead_jax.report._html import _html_tables as tables, _plots as plots
from lead_jax.report._html._markup import Markup, join, name, sentence, tag
from lead_jax.report._provenance import Section
from lead_jax.report._summary import Summary, summarise
from lead_jax.report._words import plural
from lead_jax.results import Report

# With more, the list of remarks is folded up.
_REMARKS = 12


def as_html(report: Report) -> str:
  """Returns the report as one file that needs nothing else, not even a network."""
  summary = summarise(report)
  style, script = _part("style.css"), _part("sort.js")
  # Nothing is loaded and nothing runs but these two, by their hashes.
  policy = (
    f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
    "base-uri 'none'; form-action 'none'"
  )
  title = f"Which model to fine-tune on {summary.dataset}"
  head = tag(
    "head",
    tag("meta", charset="utf-8"),
    tag("meta", http_equiv="Content-Security-Policy", content=policy),
    tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
    tag("meta", name="color-scheme", content="light dark"),
    tag("meta", name="referrer", content="no-referrer"),
    tag("meta", name="robots", content="noindex"),
    tag("title", title),
    tag("style", Markup(style)),
  )
  sections = _sections(summary)
  contents = tag(
    "nav",
    tag("ul", *(tag("li", tag("a", t, href=f"#{key}")) for key, t, _ in sections)),
    aria_label="Sections",
  )
  body = tag(
    "body",
    tag(
      "header", tag("h1", title), tag("p", _facts(summary), class_="quiet"), contents
    ),
    tag(
      "main",
      _advice(summary),
      *(
        tag("section", tag("h2", t, id=key), content, aria_labelledby=key)
        for key, t, content in sections
      ),
    ),
    _footer(),
    tag("script", Markup(script)),
  )
  return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _part(file: str) -> str:
  found = importlib.resources.files("lead_jax.report._html") / file
  return found.read_text(encoding="utf-8")


def _hash(text: str) -> str:
  digest = hashlib.sha256(text.encode()).digest()
  return f"sha256-{base64.b64encode(digest).decode()}"


def _facts(summary: Summary) -> str:
  parts = []
  if summary.samples is not None:
    parts.append(plural(summary.samples, "image"))
  if summary.classes is not None:
    parts.append(plural(summary.classes, "class", "classes"))
  parts.append(plural(len(summary.rows), "model"))
  parts.append(plural(len(summary.metrics), "metric"))
  if summary.started:
    parts.append(summary.started[:10])
  return " · ".join(parts)


def _advice(summary: Summary) -> Markup:
  advice, step = summary.recommendation, summary.next_step
  parts = [tag("p", sentence(advice.sentence), class_="first")]
  parts += [
    tag("p", sentence(text))
    for text in (advice.truth, advice.anchors, advice.evidence)
    if text
  ]
  parts.append(tag("h2", "Next step"))
  parts.append(tag("p", sentence(step.text)))
  if step.command:
    parts.append(_command(step.command))
  if not summary.complete:
    unfinished = "This run was not finished: models are missing."
    parts.insert(0, tag("p", unfinished, class_="warning"))
  return tag(
    "section",
    tag("h2", "Recommendation", id="advice"),
    *parts,
    class_="advice",
    aria_labelledby="advice",
  )


def _command(line: str) -> Markup:
  """A command line, broken between its flags where it must be."""
  first, *flags = line.split(" --")
  parts = [tag("span", first)]
  for flag in flags:
    parts += [Markup(" "), tag("span", f"--{flag}")]
  return tag("pre", tag("code", *parts))


def _sections(summary: Summary) -> list[tuple[str, str, Markup]]:
  found = [("ranking", "The ranking", _ranking(summary))]
  if summary.ranked:
    found.append(("sure", "How sure the ranking is", _certainty(summary)))
  if panels := plots.cost_panels(summary):
    found.append(("cost", "Quality against cost", _cost(summary, panels)))
  if summary.disagreement.metrics:
    found.append(("metrics", "Where metrics disagree", _disagreement(summary)))
  if summary.agreement:
    found.append(("truth", "Against real fine-tuning", _truth(summary)))
  if summary.warnings or summary.remarks:
    found.append(("remarks", "What to know", _know(summary)))
  found.append(("run", "What was run", _run(summary)))
  return found


def _ranking(summary: Summary) -> Markup:
  note = (
    f"Ordered by {summary.metric}: {summary.descriptions[summary.metric]} A score compares "
    "models on these images. The accuracies beside it tell how good the features are."
  )
  parts = [tag("p", note)]
  parts.append(tables.main_table(summary))
  if not summary.seconds_whole:
    stored = (
      "Seconds were measured when the value was computed, in this run or in an "
      "earlier one."
    )
    parts.append(tag("p", stored, class_="quiet"))
  if len(summary.metrics) > 1:
    described = [
      join(tag("dt", name(metric)), tag("dd", text))
      for metric, text in summary.descriptions.items()
    ]
    parts.append(
      tag(
        "details",
        tag("summary", f"All {plural(len(summary.metrics), 'metric')}"),
        # Wider than any paper.
        tag("div", tables.metrics_table(summary), class_="screen"),
        tag("p", "Every score is in scores.csv.", class_="paper"),
        tag("dl", *described),
      )
    )
  return join(*parts)


def _certainty(summary: Summary) -> Markup:
  caption = f"Score of every model by {summary.metric} on all images"
  if summary.draws:
    caption += (
      f" (dot) and its {100 * summary.level:g} % interval (line). Shades and numbers: "
      "groups that the data tell apart"
    )
  caption += f".{_far_below(summary)}"
  parts = [
    tag("p", sentence((summary.certainty,))),
    tag("figure", plots.intervals(summary), tag("figcaption", caption)),
  ]
  together = [
    _group(number, group)
    for number, group in enumerate(summary.groups, start=1)
    if len(group) > 1
  ]
  if together:
    parts.append(tag("h3", "Models that the data cannot tell apart"))
    parts.append(tag("ol", *together))
    numbers = (
      "P(best) and groups answer different questions. P(best) is how often a model would "
      "rank first. A group holds all models that cannot be told from its first one, all "
      "comparisons together. So a model that hardly ever ranks first can be in the "
      "leading group, and a model that nearly always ranks first can share its group."
    )
    parts.append(tag("p", numbers, class_="quiet"))
  elif summary.groups:
    parts.append(tag("p", "The data tell every model from the one above it."))
  return join(*parts)


def _group(number: int, models: Sequence[str]) -> Markup:
  parts: list[object] = []
  for i, model in enumerate(models):
    parts += [", " if i else "", name(model)]
  return tag("li", *parts, value=number)


def _far_below(summary: Summary) -> str:
  scores = [row.score for row in summary.rows if row.score is not None]
  if min(scores) >= plots.floor_of(scores):
    return ""
  return " Triangles: far below the others, off the scale."


def _cost(summary: Summary, panels: list[Markup]) -> Markup:
  caption = (
    "Every model, labelled with its rank. The dashed line is the best score available at "
    "each cost; no cheaper model beats the dots on it."
  )
  if summary.seconds_whole:
    caption += (
      " Seconds include downloads of weights; those of the first model also include what "
      "is compiled once for all models."
    )
  caption += _far_below(summary)
  return tag("figure", tag("div", *panels, class_="panels"), tag("figcaption", caption))


def _disagreement(summary: Summary) -> Markup:
  parts = [
    tag("ul", *(tag("li", sentence(line)) for line in summary.disagreement.lines))
  ]
  drawing = plots.heatmap(summary)
  if drawing is not None and len(summary.disagreement.metrics) > 2:
    caption = (
      "Kendall's τ-b between the rankings by two metrics: 1 is the same order, 0 is no "
      f"relation, -1 is the reverse. Ordered by agreement with {summary.metric}. "
      "Agreement is not correctness: metrics can make the same error."
    )
    frame = tag(
      "div",
      drawing,
      class_="scroll fixed",
      tabindex="0",
      role="region",
      aria_label="Agreement between the metrics",
    )
    parts.append(tag("figure", frame, tag("figcaption", caption)))
  return join(*parts)


def _truth(summary: Summary) -> Markup:
  table = tables.agreement_table(summary.agreement)
  drawing = plots.truth_plot(summary)
  if drawing is None:
    return table
  caption = (
    f"Score by {summary.metric} against the measured accuracy after fine-tuning; numbers "
    "are ranks by score. Highlighted: the first choice and the model with the highest "
    "accuracy. Triangles: far below the others, off the scale."
  )
  figure = tag("figure", drawing, tag("figcaption", caption))
  return tag("div", figure, tag("div", table), class_="beside")


def _know(summary: Summary) -> Markup:
  parts = [tag("p", line, class_="warning") for line in summary.warnings]
  if summary.remarks:
    remarks = tag("ul", *(tag("li", sentence(line)) for line in summary.remarks))
    if len(summary.remarks) > _REMARKS:
      count = plural(len(summary.remarks), "remark")
      remarks = tag("details", tag("summary", f"{count} on models and scores"), remarks)
    parts.append(remarks)
  return join(*parts)


def _run(summary: Summary) -> Markup:
  parts = []
  if summary.command:
    parts.append(tag("p", "To run it again:"))
    parts.append(_command(summary.command))
  return join(*parts, *map(_facts_of, summary.provenance))


def _facts_of(section: Section) -> Markup:
  facts = tag(
    "dl",
    *(
      join(tag("dt", name(key) if section.long else key), tag("dd", value))
      for key, value in section.facts
    ),
  )
  if section.long:
    return tag("details", tag("summary", section.title), facts)
  return join(tag("h3", section.title), facts)


def _footer() -> Markup:
  text = (
    "Written by lead_jax. report.json beside this file holds every number in full, "
    "scores.csv every score."
  )
  return tag("footer", tag("p", text))
