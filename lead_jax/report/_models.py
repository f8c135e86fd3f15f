"""`lead-rank models`: the published networks that can be ranked by name."""

import io
from collections.abc import Iterable

from lead_jax.backbones.catalogue import (
  CATALOGUE,
  ZOOS,
  Card,
  WeightSources,
  locate_weights,
)
from lead_jax.backbones.networks import NETWORKS
from lead_jax.report._console import text_console
from lead_jax.system import plugins

_NUMBERS = ("input", "D", "params", "G mul-adds", "top-1", "MB")


def render_models(sources: WeightSources, *, width: int, color: bool) -> str:
  """Returns a table of every published network, by zoo, and what plug-ins offer.

  Args:
    sources: Where weights are looked for; nothing is read or fetched.
    width: Columns of the terminal. Where an address would have to be folded, licences and
      addresses stand in lines of their own below the numbers.
    color: Whether escape codes may be used.
  """
  from rich.measure import Measurement

  buffer = io.StringIO()
  console = text_console(buffer, width=width, color=color)
  unlimited = console.options.update(width=10_000)
  for zoo in ZOOS:
    cards = [card for card in CATALOGUE.values() if card.zoo == zoo]
    table = _table(cards, sources, color, whole=True)
    fits = Measurement.get(console, unlimited, table).maximum <= width
    console.print(f"--models={zoo}: all of these")
    console.print(table if fits else _table(cards, sources, color, whole=False))
    if not fits:
      for card in cards:
        _, licence, place = _place(card, sources)
        console.print(f"{card.name}: {licence}", soft_wrap=True)
        console.print(f"  {place}", soft_wrap=True)
      console.print()
  lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
  return "\n".join(
    [
      *lines,
      "top-1: published ImageNet accuracy; of a self-supervised network, that of a linear "
      "classifier. licence: licence of the weights; read it before you use them.",
      f"Missing weights are downloaded to {sources.cache / 'weights'} when a network is "
      "ranked, unless they are in --weights_dir=DIR. --models=NAME=FILE uses weights of "
      "your own. timm/NAME is any model of timm (pip install 'lead_jax[torch]').",
      *(
        f"{prefix}/NAME is a model of the plug-in {plugin.source}."
        for prefix, plugin in plugins("lead_jax.backbones").items()
      ),
    ]
  )


def _table(cards: Iterable[Card], sources: WeightSources, color: bool, *, whole: bool):
  from rich import box
  from rich.table import Table

  table = Table(
    box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold" if color else ""
  )
  table.add_column("name", no_wrap=True)
  for name in _NUMBERS:
    table.add_column(name, justify="right", no_wrap=True)
  table.add_column("here", no_wrap=True)
  if whole:
    table.add_column("licence", no_wrap=True)
    table.add_column("weights", no_wrap=True)
  for card in cards:
    network = NETWORKS[card.network]
    table.add_row(
      card.name,
      str(card.input.height),
      str(network.feature_dim),
      f"{card.num_params / 1e6:.1f}M",
      f"{card.flops / 1e9:.2f}",
      "–" if card.top1 is None else f"{card.top1:.1f}",
      "–" if card.size is None else f"{card.size / 1e6:.0f}",
      *(_place(card, sources) if whole else _place(card, sources)[:1]),
    )
  return table


def _place(card: Card, sources: WeightSources) -> tuple[str, str, str]:
  """Whether the weights are here, their licence, where they are or are published."""
  found = locate_weights(card, sources)
  if found is None:
    return "no", card.licence, card.files[0].url
  return "yes", card.licence, str(found.path)
