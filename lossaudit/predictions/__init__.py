"""What a logged number may be: the truth, predictions with proven bounds, quantities, and
mistakes.
"""
