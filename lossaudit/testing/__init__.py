"""What tests of logging code need: a corpus of planted mistakes."""
