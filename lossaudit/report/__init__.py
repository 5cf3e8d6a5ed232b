"""What an audit found: verdicts, findings, and the report as data, text, page, and plots."""
