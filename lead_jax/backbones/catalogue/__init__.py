"""The papers' own networks: what is known of each, and the way from there to a backbone."""

from collections.abc import Mapping

from lead_jax.backbones.catalogue import self_supervised, supervised
from lead_jax.backbones.catalogue.card import Card, Published, papers_input
from lead_jax.backbones.catalogue.models import (
  Located,
  WeightSources,
  catalogue_model,
  fetch_weights,
  locate,
)

CATALOGUE: Mapping[str, Card] = {
  card.name: card for card in (*supervised.CARDS, *self_supervised.CARDS)
}
ZOOS = ("supervised", "self-supervised")

__all__ = [
  "CATALOGUE",
  "ZOOS",
  "Card",
  "Located",
  "Published",
  "WeightSources",
  "catalogue_model",
  "fetch_weights",
  "locate",
  "papers_input",
]
