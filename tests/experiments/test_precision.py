"""float32 beside float64 on features that are hard to compute with."""

from experiments.precision import page, sweep


def test_float32_holds_or_says_that_it_does_not():
  found = list(sweep.sweep(quick=True))
  out = [
    (row.metric, row.case, row.float32, row.float64) for row in found if not row.holds
  ]
  assert not out
  text = page.page(found)
  assert ", 0 OUT." in text
  assert "| offset 10000 | `lead_held_out` |" in text


def test_what_is_out_is_seen():
  row = sweep.Found("plain", "knn", 0.5, 0.6, 0.1, 0.02, "")
  assert not row.holds
  assert (
    page.summary([row, row._replace(note="few digits")]) == "0 hold, 1 status, 1 OUT"
  )
