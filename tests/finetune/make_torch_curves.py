"""python -m tests.finetune.make_torch_curves

Trains the network of `torch_problem.py` by torch and writes the losses of its 20 steps to
`torch_curves.json`, so that the comparison runs where torch is not installed.
"""

import json
import math
import pathlib

from tests.finetune.torch_problem import BATCH, CASES, MEAN, STD, STEPS, problem

PATH = pathlib.Path(__file__).with_name("torch_curves.json")


def rate_factor(step, warmup):
  """The schedule, written for `LambdaLR`."""
  if step < warmup:
    return (step + 1) / warmup
  return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (STEPS - warmup)))


def curve(fields, learning_rate, weight_decay, several):
  """Losses of torch's training, one a step, before it."""
  import torch

  torch.use_deterministic_algorithms(True)
  weights, images, labels, batches = problem(several)
  network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 6, 3, stride=2, padding=1),
    torch.nn.ReLU(),
    torch.nn.Flatten(),
    torch.nn.Linear(6 * 16, 5),
    torch.nn.ReLU(),
  )
  head = torch.nn.Linear(5, len(weights["head_bias"]))
  with torch.no_grad():
    for parameter, name in (
      (network[0].weight, "conv"),
      (network[0].bias, "conv_bias"),
      (network[3].bias, "dense_bias"),
      (head.bias, "head_bias"),
    ):
      parameter.copy_(torch.from_numpy(weights[name]))
    network[3].weight.copy_(torch.from_numpy(weights["dense"].T.copy()))
    head.weight.copy_(torch.from_numpy(weights["head"].T.copy()))
  groups = [
    {"params": network.parameters(), "lr": learning_rate},
    {"params": head.parameters(), "lr": learning_rate * fields.get("head_factor", 1.0)},
  ]
  if fields["optimiser"] == "sgd":
    optimiser = torch.optim.SGD(
      groups, momentum=0.9, nesterov=fields["nesterov"], weight_decay=weight_decay
    )
  else:
    optimiser = torch.optim.AdamW(groups, weight_decay=weight_decay)
  schedule = torch.optim.lr_scheduler.LambdaLR(
    optimiser, lambda step: rate_factor(step, fields.get("warmup_steps", 0))
  )
  x = (torch.from_numpy(images).float() - torch.tensor(MEAN)) / torch.tensor(STD)
  x, y = x.permute(0, 3, 1, 2), torch.from_numpy(labels)
  if several:
    y = y.float()
  loss_of = torch.nn.BCEWithLogitsLoss() if several else torch.nn.CrossEntropyLoss()
  losses = []
  for rows in batches:
    assert len(rows) == BATCH
    optimiser.zero_grad()
    loss = loss_of(head(network(x[rows])), y[rows])
    loss.backward()
    if fields.get("max_gradient_norm"):
      everything = [*network.parameters(), *head.parameters()]
      torch.nn.utils.clip_grad_norm_(everything, fields["max_gradient_norm"])
    optimiser.step()
    schedule.step()
    losses.append(loss.item())
  return losses


def main():
  import torch

  source = f"torch {torch.__version__}, python -m tests.finetune.make_torch_curves"
  curves = {name: curve(*case) for name, case in CASES.items()}
  PATH.write_text(json.dumps({"source": source, "losses": curves}, indent=1) + "\n")


if __name__ == "__main__":
  main()
