"""What a report recommends: which model, how sure that is, and what to do next."""

import csv
import dataclasses
import io
import math

from lead_jax.checks import command_line
from lead_jax.literature import read_evidence
from lead_jax.report._words import Text, clean, listed, names, plural, share, tau
from lead_jax.results import READY_FEATURES, Report

# How many models are worth fine-tuning before one is chosen, where the data tell more
# apart, and how large a leading group may be to be fine-tuned whole.
_FIRST, _GROUP = 3, 5
# What a run was asked for with that fine-tuning needs too.
_SHARED_FLAGS = ("zoo", "weights_dir", "data_dir", "cache_dir")


@dataclasses.dataclass(frozen=True)
class Recommendation:
  """Which model to fine-tune first.

  Attributes:
    model: Its name; empty where nothing could be ranked.
    sentence: The recommendation with how sure it is, in one sentence.
    anchors: What accuracy its features reach as they are; empty where not computed.
    evidence: What the metric was worth where the truth is known.
    truth: What is known of the model's own accuracy after fine-tuning; may be empty.
  """

  model: str
  sentence: Text
  anchors: Text
  evidence: Text
  truth: Text


@dataclasses.dataclass(frozen=True)
class NextStep:
  """What to do now.

  Attributes:
    text: In words.
    command: A command line; empty where there is none.
    models: That it names.
  """

  text: Text
  command: str
  models: tuple[str, ...]


def recommend(report: Report) -> Recommendation:
  """Returns the recommendation; where there is no ranking it says so."""
  ranking, metric = report.ranking(), report.metrics[0]
  if not ranking:
    why = "all have the same score" if _tied(report) else "see the reasons"
    sentence = ("No model could be ranked by ", *names([metric]), f": {why}.")
    return Recommendation("", sentence, (), (), ())
  best = ranking[0]
  return Recommendation(
    model=clean(best),
    sentence=_sentence(report, ranking),
    anchors=_anchors(report, best),
    evidence=_evidence(report),
    truth=_truth(report, best),
  )


def _tied(report: Report) -> bool:
  """Whether there are scores but no ranks, since all are the same."""
  metric = report.metrics[0]
  return any(
    row.metric == metric and not math.isnan(row.score) for row in report.scores
  )


def _sentence(report: Report, ranking: list[str]) -> Text:
  best, metric, certainty = ranking[0], report.metrics[0], report.certainty
  if len(ranking) == 1:
    return (
      *names([best]),
      " is the only model with a score by ",
      *names([metric]),
      ": there is nothing to compare it with.",
    )
  tied = [m for m in ranking[1:] if report.score_of(m, metric).rank == 1]
  others = f"{plural(len(ranking) - 1 - len(tied), 'other model')}"
  text: list[str] = ["Fine-tune ", *names([best]), " first: "]
  if tied:
    text += ["it shares the first place with ", *names(tied, 5), " by "]
    text += names([metric])
  else:
    text += [*names([metric]), f" ranks it ahead of {others}"]
  found = None if certainty is None else certainty.of(best)
  if certainty is None or certainty.reason or found is None:
    reason = clean(certainty.reason) if certainty is not None else ""
    why = f" ({reason})" if reason else ""
    return (*text, f"; how sure that is was not measured{why}.")
  text.append(
    f", and it would stay first in {_share(found.p_best)} of the rankings on "
  )
  text.append("other images like these")
  group = next((g for g in certainty.groups if best in g), (best,))
  rest = [model for model in group if model != best]
  if rest:
    # Some may hardly ever come first: here all models are compared at once.
    text.append(f"; judged all at once ({100 * certainty.level:g} %), the data cannot ")
    text += ["tell it from ", *names(rest, 6), "."]
  else:
    text.append("; the data tell it from every other model.")
  return tuple(text)


def _share(value: float) -> str:
  """As everywhere, in words."""
  return share(value).replace("<", "less than ").replace(">", "more than ")


def _anchors(report: Report, best: str) -> Text:
  """The accuracies that say whether the best is any good."""
  words = {
    "linear_probe": "of a linear classifier",
    "knn": "of nearest neighbours",
    "nearest_centroid": "of the nearest class mean",
  }
  found: list[str] = []
  for metric, whose in words.items():
    column = {
      row.model: row.score
      for row in report.scores
      if row.metric == metric and not math.isnan(row.score)
    }
    if best not in column:
      continue
    top = max(column, key=lambda model: column[model])
    found += ["; " if found else "", f"{whose} {100 * column[best]:.1f} %"]
    if column[top] > column[best]:
      found += [" (best: ", *names([top]), f" with {100 * column[top]:.1f} %)"]
    elif len(column) > 1:
      found.append(" (the best)")
  if not found:
    return ()
  return ("Accuracy on its features as they are, without fine-tuning: ", *found, ".")


def _evidence(report: Report) -> Text:
  """What the metric was worth where the truth is known."""
  metric = report.metrics[0]
  found = read_evidence().get(metric)
  if found is None:
    return ("How well ", *names([metric]), " does on real models was not measured.")
  text: list[str] = [
    "Evidence for ",
    *names([metric]),
    f": on {found.networks} real models, each fine-tuned on {listed(found.datasets)} "
    f"({found.images[0]:,} to {found.images[1]:,} images), taking its first choice lost "
    f"{found.regret_1:.1f} accuracy points on average and trying its first three "
    f"{found.regret_3:.1f}",
  ]
  chance = read_evidence().get("random")
  if chance is not None:
    text.append(
      f"; choosing at random loses {chance.regret_1:.1f} and {chance.regret_3:.1f}"
    )
  text.append(f". Weighted Kendall τ {tau(found.tau)}")
  if found.tau_low is not None and found.tau_high is not None:
    text.append(f" (95 % {tau(found.tau_low)} to {tau(found.tau_high)})")
  if (
    chance is not None and chance.tau_high is not None and found.tau <= chance.tau_high
  ):
    text.append(f", which chance reaches too (up to {tau(chance.tau_high)})")
  text.append(f"; {found.note}." if found.note else ".")
  if report.dataset.get("name") in found.datasets:
    text.append(" By its name, your data set is one of these.")
  if report.plan.options.get(metric):
    text.append(" That was with its default options; this run has others.")
  return (*text, " Other models and images may differ.")


def _truth(report: Report, best: str) -> Text:
  truth = report.ground_truth
  if best not in truth:
    return ()
  top = max(truth, key=lambda model: truth[model])
  text: list[str] = [
    "By the ground truth, fine-tuned ",
    *names([best]),
    f" reaches {truth[best]:.1f} %",
  ]
  lost = truth[top] - truth[best]
  if lost > 0:
    text += [f", {lost:.1f} points less than the best of the models, ", *names([top])]
    text.append(f" ({truth[top]:.1f} %)")
  else:
    text.append(", and no model of known accuracy more")
  if report.metrics[0] in report.agreement:
    agreement = report.agreement[report.metrics[0]]
    if "weighted_kendall" in agreement:
      text.append(f"; weighted Kendall τ here {tau(agreement['weighted_kendall'])}")
  return (*text, ".")


def next_step(report: Report) -> NextStep:
  """Returns the fine-tuning that would settle the choice."""
  ranking = report.ranking()
  if not ranking:
    mend = "Fix the causes listed above and run the same command again."
    other = "Rank by another metric, which tells them apart, or with more images."
    return NextStep((other if _tied(report) else mend,), "", ())
  chosen, why = _chosen(report, ranking)
  ready = {row.model for row in report.models if row.architecture == READY_FEATURES}
  networks = [model for model in chosen if model not in ready]
  given = [model for model in chosen if model in ready]
  text = ("Fine-tune ", *names(chosen), f" ({why})")
  models = tuple(map(clean, chosen))
  if not networks:
    whose = "its" if len(given) == 1 else "their"
    return NextStep((*text, f" with the code that made {whose} features."), "", models)
  if "models" in report.plan.request.get("objects", ()):
    # Models that were given as objects, or that come from several runs.
    return NextStep((*text, "."), "", models)
  command, note = _finetune(report, networks)
  if given:
    text = (*text, ": ", *names(given), " with the code that made the features, ")
    text = (*text, *names(networks), " with the command below")
  return NextStep((*text, f"{note}:"), command, models)


def _chosen(report: Report, ranking: list[str]) -> tuple[list[str], str]:
  """The leading group, or the first three where it is one model or too many."""
  group: list[str] = []
  if report.certainty is not None and report.certainty.groups:
    group = list(report.certainty.groups[0])
  if 1 < len(group) <= _GROUP:
    return group, "which the data cannot tell apart"
  chosen = ranking[:_FIRST]
  if len(chosen) == 1:
    return chosen, "the only one with a score"
  if len(group) > _GROUP:
    return chosen, f"the first of {len(group)} that the data cannot tell apart"
  return chosen, f"the first {len(chosen)}, since a metric can be wrong"


def _finetune(report: Report, models: list[str]) -> tuple[str, str]:
  """The command, in the words of the run's request, and what else must be known."""
  request = report.plan.request
  data, note = request.get("dataset"), ""
  if not isinstance(data, str):
    data = "DATA"
    note = f" (DATA is where {clean(str(report.dataset.get('name', '')))} lies)"
  # As they were asked for: NAME=FILE says where the weights are.
  asked = [text for text in request.get("models") or () if isinstance(text, str)]
  whole = {text.partition("=")[0]: text for text in asked}
  buffer = io.StringIO()  # as flags read a list: a comma in a name is quoted
  csv.writer(buffer, lineterminator="").writerow(whole.get(m, m) for m in models)
  specs = buffer.getvalue()
  words = ["lead-finetune", data, f"--models={specs}"]
  words += [f"--{flag}={request[flag]}" for flag in _SHARED_FLAGS if request.get(flag)]
  words += ["--duplicates=keep"] if request.get("duplicates") == "keep" else []
  if (request.get("network_budget") or 1) > 1:
    words.append(f"--network_budget={request['network_budget']}")
  for switch in ("download", "check_weights"):
    if request.get(switch) is False:
      words.append(f"--no{switch}")
  return command_line(words), note
