"""Ground truth as people write it."""

import pytest

from lead_jax.evaluation._ground_truth import ground_truth_column, ground_truth_table

CSV = "model,dataset,accuracy,seeds\na,x,91.5,1\nb,x,70,1\na,y,60,1\n"


def test_by_data_set_and_model():
  assert ground_truth_table(CSV) == {"x": {"a": 91.5, "b": 70.0}, "y": {"a": 60.0}}


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("model,accuracy\na,1\n", "no column 'dataset'"),
    ("", "no column 'model'"),
    ("model,dataset,accuracy\na,x,high\n", "line 2: accuracy 'high' is not a number"),
    ("model,dataset,accuracy\na,x,nan\n", "line 2: accuracy is nan"),
    ("model,dataset,accuracy\na,x,1\na,x,2\n", "line 3: model 'a' stands twice"),
    ("model,dataset,accuracy\na,x,.91\nb,x,.8\n", "'a' has 0.91 and 1 more at most 1"),
    ("model,dataset,accuracy\na,x,.91\nb,x,80\n", "'a' has 0.91: write 91 for 0.91"),
  ],
)
def test_broken_ground_truth(text, message):
  with pytest.raises(ValueError, match=message):
    ground_truth_table(text)


def test_other_columns_are_read_by_name():
  text = "model,dataset,accuracy,std\na,x,1,0.5\nb,x,2,\na,y,3, 1e-1 \n"
  assert ground_truth_column(text, "std") == {"x": {"a": "0.5"}, "y": {"a": "1e-1"}}
  assert ground_truth_column(text, "seeds") == {}
