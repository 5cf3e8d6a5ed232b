"""Exact sums, accumulators, Keras' mean replayed bit for bit, proven bounds, and the inversion of
running means.
"""
