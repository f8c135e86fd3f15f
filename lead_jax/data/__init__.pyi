from ._bundled import (
  load_digits_dataset as load_digits_dataset,
)
from ._dataset import (
  Dataset as Dataset,
  SkippedEntry as SkippedEntry,
)
from ._divide import (
  Division as Division,
  divide_dataset as divide_dataset,
)
from ._folder import (
  load_folder_dataset as load_folder_dataset,
)
from ._images import (
  IMAGE_EXTENSIONS as IMAGE_EXTENSIONS,
  decode_image as decode_image,
)
from ._load import (
  load_dataset as load_dataset,
)
from ._npz import (
  load_npz_dataset as load_npz_dataset,
)
from ._papers import (
  PAPER_DATASETS as PAPER_DATASETS,
  PaperDataset as PaperDataset,
  count_warning as count_warning,
)
from ._parts import (
  MissingPartError as MissingPartError,
)
from ._preprocess import (
  ResizedCache as ResizedCache,
  prepare_batch as prepare_batch,
  prepared_images as prepared_images,
  resized_batches as resized_batches,
)
from ._tfds import (
  load_tfds_dataset as load_tfds_dataset,
)
