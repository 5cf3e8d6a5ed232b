"""Capture: records the true loss of every batch inside the training step."""
