"""Every expectation that a log can break, as data: a module per hundred codes, and examples."""
