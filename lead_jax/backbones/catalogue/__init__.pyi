from ._card import (
  Card as Card,
  PublishedWeights as PublishedWeights,
  papers_input as papers_input,
)
from ._catalogue import (
  CATALOGUE as CATALOGUE,
  ZOOS as ZOOS,
)
from ._catalogue_model import (
  catalogue_model as catalogue_model,
)
from ._located import (
  LocatedWeights as LocatedWeights,
  WeightSources as WeightSources,
  fetch_weights as fetch_weights,
  locate_weights as locate_weights,
)
