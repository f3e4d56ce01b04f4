"""Counting on an engine that the users already have. Nothing here is imported unless `engine:` is used."""
