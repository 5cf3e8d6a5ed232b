"""The audit: claims next to the truth, the search for an explanation, checks, and logs alone."""
