from ._report import (
  Certainty as Certainty,
  ModelCertainty as ModelCertainty,
  ModelRow as ModelRow,
  Report as Report,
  ScoreRow as ScoreRow,
  json_values as json_values,
)
