"""The progress of fine-tuning."""

from collections.abc import Mapping
from typing import Any

from lead_jax.finetune import Listener
from lead_jax.report._bars import Lines, Shown


class FinetuneProgress(Shown, Listener):
  """The progress of fine-tuning: one line per run, and its steps meanwhile."""

  def __init__(self, display: Lines | None = None):
    """Shows on `display`; on stderr where None, live if that is a terminal."""
    super().__init__(display)
    self._what, self._total = "", 0

  def model(self, index: int, count: int, name: str) -> None:
    self._place = f"[{index + 1}/{count}] {name}"

  def started(self, what: str, total: int) -> None:
    self._what, self._total = what, total
    self._display.begin(f"{self._place}: {what}", total)

  def stepped(self, done: int) -> None:
    text = f"{self._what}: {done} of {self._total} steps"
    self._step(self._what, text, done, self._total)

  def ended(self, result: dict[str, Any]) -> None:
    self._display.end()
    self._say(summary_of_run(result))


def _main(found: Mapping[str, float]) -> str:
  """The measure to follow a run by: top-1, or VOC's where an image may be of several."""
  if "top1" in found:
    return f"top-1 {found['top1']:.2f} %"
  return f"11-point mAP {found['map11']:.2f} %"


def summary_of_run(result: dict[str, Any]) -> str:
  """What a run gave, in a line."""
  setting = (
    f"learning rate {result['learning_rate']:g}, weight decay "
    f"{result['weight_decay']:g}, seed {result['seed']}"
  )
  parts = [
    f"{part} {_main(result[part])}"
    for part in ("validation", "test")
    if result[part] is not None
  ]
  if result["status"] != "ok":
    parts.append(result["status"])
  when = "in an earlier session" if result["earlier"] else f"{result['seconds']:.0f} s"
  return f"{setting}: {', '.join([*parts, when])}"
