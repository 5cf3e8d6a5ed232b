"""A Report as others read it: as a table in a terminal."""
