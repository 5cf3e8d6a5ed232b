"""For tests of one's own: real trainings of which every true number is known."""
