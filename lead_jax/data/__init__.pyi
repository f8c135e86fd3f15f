from ._bundled import (
  load_digits_dataset as load_digits_dataset,
)
from ._copies import (
  DUPLICATES as DUPLICATES,
  Copies as Copies,
  count_once as count_once,
  leave_out_of_train as leave_out_of_train,
  pixels_of as pixels_of,
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
  count_folder_images as count_folder_images,
  load_folder_dataset as load_folder_dataset,
)
from ._formats import (
  IMAGE_EXTENSIONS as IMAGE_EXTENSIONS,
)
from ._images import (
  decode_image as decode_image,
)
from ._load import (
  load_dataset as load_dataset,
)
from ._npz import (
  load_npz_dataset as load_npz_dataset,
)
from ._order import (
  balanced_order as balanced_order,
  order_digest as order_digest,
)
from ._papers import (
  PAPER_DATASETS as PAPER_DATASETS,
  PaperDataset as PaperDataset,
  count_warning as count_warning,
)
from ._parts import (
  MissingPartError as MissingPartError,
)
from ._prefix import (
  first_images as first_images,
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
