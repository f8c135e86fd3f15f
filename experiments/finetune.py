"""`python -m experiments.finetune photos/ --models=A,B`: the program `lead-finetune`."""

from lead_jax.commands.finetune import run

if __name__ == "__main__":
  run()
