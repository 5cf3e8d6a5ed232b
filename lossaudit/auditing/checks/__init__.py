"""One expectation each: a check yields a finding where a claim breaks it.

values       what the numbers of a claim are
order        where they are logged
captured     what the audit itself needs
training     the recorded training, whatever was logged
keras_logs   what Keras itself does to logs
"""
