"""Conformance suites for callbacks, accumulators and loops that users wrote."""
