"""Readers of the logs that other programs write, one module for each format; `lossaudit.read`
chooses among them.

names, points, columns   what a name says, numbers under one name, tables: what the readers are
made of csvlog, history, tfevents   what Keras and TensorFlow write table, wandb, trainer_state,
mlflow   what others write reading   the choice, by content

A reader keeps every number in the order of the file, with the steps and epochs that the file has:
it judges nothing and mends nothing. What it guessed, left out or found torn is said in
`recording.metadata["notes"]`.
"""
