"""What was recorded or logged: names, origins, series, run files, recordings, and the recorder of
a loop.
"""
