"""Gap: measures why `evaluate` does not return the loss that `fit` reported."""
