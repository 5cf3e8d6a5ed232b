"""Why `evaluate` does not give the loss that `fit` reported, in measured parts."""
