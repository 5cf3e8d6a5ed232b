"""Recorded and logged numbers: names, origins, series, run files, recordings, the recorder."""
