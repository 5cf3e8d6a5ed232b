"""Property-based conformance suites for users' callbacks, accumulators and loops."""
