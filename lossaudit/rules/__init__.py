"""Every expectation that a log can break, as data: one module for each hundred of codes, and
example programs.
"""
