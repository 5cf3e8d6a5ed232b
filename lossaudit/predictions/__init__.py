"""What a logged number may be: the truth, predictions with bounds, quantities, mistakes."""
