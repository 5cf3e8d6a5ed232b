"""One expectation each: a check looks at a claim next to the truth, and yields a finding where it
is broken.

`values`: what the numbers of a claim are. `order`: where they are logged. `captured`: what the
    audit itself needs.
`training`: the recorded training, whatever was logged of it. `keras_logs`: what Keras itself does
    to logs.
"""
