"""Exact sums, accumulators, a replay of Keras' mean, proven bounds, inversion of running means."""
