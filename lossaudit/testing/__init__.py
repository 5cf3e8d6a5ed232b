"""For tests of one's own: a corpus of planted mistakes, and real trainings of which every true number is known."""
