"""Readers of evaluation and monitoring exports: one file per format, recognised by content."""
