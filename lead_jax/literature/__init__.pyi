from ._evidence import (
  EVIDENCE_COLUMNS as EVIDENCE_COLUMNS,
  Evidence as Evidence,
  read_evidence as read_evidence,
)
from ._published import (
  DATASETS_IN as DATASETS_IN,
  GROUND_TRUTH_OF as GROUND_TRUTH_OF,
  GROUND_TRUTH_TABLES as GROUND_TRUTH_TABLES,
  GROUND_TRUTH_VERSIONS as GROUND_TRUTH_VERSIONS,
  RESULT_TABLES as RESULT_TABLES,
  PublishedAverage as PublishedAverage,
  PublishedCorrection as PublishedCorrection,
  PublishedResult as PublishedResult,
  mean_of_cells as mean_of_cells,
  published_averages as published_averages,
  published_corrections as published_corrections,
  published_ground_truth as published_ground_truth,
  published_ground_truth_csv as published_ground_truth_csv,
  published_results as published_results,
)
