"""The capture: the true loss of every batch, recorded inside the training step."""
