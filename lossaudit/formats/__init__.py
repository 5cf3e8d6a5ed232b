"""Readers of the logs that other programs write, one module for each format.

csvlog, history, tfevents                     formats that Keras and TensorFlow write
csv_table, json_lines, json_table             tables in a text file
wandb, trainer_state, mlflow                  formats of other tools
lossaudit_run                                 the run file of this package
data_frame                                    a pandas DataFrame
reading                                       `lossaudit.read`: picks the format by content
format, log_file                              what a format is, and the path that it reads
table, columns, points                        from columns to series
delimited, documents, events, digits, pickled parsing of text, JSON, event files and numbers

To add a format, add one module that defines `FORMAT`; `reading` finds it.

A reader keeps every number in the order of the file, with the steps and epochs of the file. It
judges nothing and repairs nothing. `recording.metadata["notes"]` says what it guessed, what it
left out and where the file is cut off.
"""
