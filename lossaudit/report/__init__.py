"""What an audit says: verdict, findings, the report as data, and its text, pages, annotations and
plots.
"""
