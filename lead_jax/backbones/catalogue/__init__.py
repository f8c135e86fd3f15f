"""The papers' own networks: what is known of each, and the way from there to a backbone."""

from collections.abc import Mapping

from lead_jax.backbones.catalogue import self_supervised, supervised
from lead_jax.backbones.catalogue.card import PAPERS_INPUT, Card, Published
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
  "PAPERS_INPUT",
  "ZOOS",
  "Card",
  "Located",
  "Published",
  "WeightSources",
  "catalogue_model",
  "fetch_weights",
  "locate",
]
