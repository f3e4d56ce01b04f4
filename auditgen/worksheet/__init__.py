"""Workbooks that people fill in, and how they are read again."""
