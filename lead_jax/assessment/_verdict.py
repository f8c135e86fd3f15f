"""Two lines at the end: what cannot be told from the best, and what the best beats."""

from lead_jax.assessment._method_summary import RANDOM, Estimate, Row, Summary
from lead_jax.assessment._numbers import interval, number, share


def tied_with_the_best(summary: Summary) -> list[Row]:
  """Returns the other methods that the data cannot tell from the first.

  Those whose paired 95 % interval of the difference, over models, contains 0. The first is
  itself chosen by these data, and the intervals are not corrected for their number: the
  true best may well be another of these.
  """
  return [row for row in summary.ranked[1:] if _holds_zero(row.to_best)]


def verdict(summary: Summary) -> list[str]:
  """Returns the two lines; one if no method has a mean."""
  if not summary.ranked:
    return ["No method has a mean on all data sets."]
  best = summary.ranked[0]
  tied = tied_with_the_best(summary)
  others = len(summary.ranked) - 1
  first = (
    f"Best: {best.method} ({number(best.tau)}), first in {share(best.standing.best)} of the"
    " resamples."
  )
  if tied:
    first += (
      f" The data cannot tell {len(tied)} of the {others} others from it (paired 95 %"
      f" interval contains 0): {', '.join(row.method for row in tied)}."
    )
  elif others:
    first += f" The data tell it from all {others} others (paired 95 % intervals)."
  metrics = [row for row in summary.ranked if row.kind == "metric"]
  if not metrics:
    return [first, "No metric has a mean: nothing beats the rankings without data."]
  metric = metrics[0]
  rivals = [row for row in summary.ranked if row.method == summary.baseline]
  static = [row for row in summary.ranked if row.kind == "static"]
  rivals += [row for row in static[:1] if row not in rivals]
  parts = [_against(summary, metric, row) for row in rivals if row is not metric]
  if metric.method == summary.baseline:
    parts.insert(0, "is the baseline itself")
  chance = summary.row(RANDOM).measures["tau_w"]
  parts.append(
    f"chance reaches {number(chance.high)} in 2.5 % of cases (p {number(metric.p_holm)},"
    " Holm)"
  )
  name = metric.method if metric is best else f"{metric.method}, the best metric,"
  return [first, f"{name} {'; '.join(parts)}."]


def _against(summary: Summary, metric: Row, rival: Row) -> str:
  """Says whether the best metric beats the baseline, or the best static ranking."""
  if rival.method == summary.baseline:
    gap = metric.difference
  elif rival is summary.ranked[0]:
    gap = metric.to_best
  else:
    # No method is before the best metric but the best static ranking: it is the first.
    e = rival.to_best
    gap = Estimate(-e.mean, -e.high, -e.low, -e.wide_high, -e.wide_low)
  who = f"{rival.method} ({number(rival.tau)}"
  who += ", never looks at the data)" if rival.kind == "static" else ")"
  size = f"{number(gap.mean, '+')}, {interval(gap.low, gap.high, '+')} over models"
  size += f", {interval(gap.wide_low, gap.wide_high, '+')} over data sets too"
  if gap.low > 0:
    sure = "beats" if gap.wide_low > 0 else "beats, on these data sets,"
  elif gap.high < 0:
    sure = "is beaten by"
  else:
    sure = "is not told apart from"
  return f"{sure} {who}: {size}"


def _holds_zero(gap: Estimate) -> bool:
  return not (gap.low > 0 or gap.high < 0)
