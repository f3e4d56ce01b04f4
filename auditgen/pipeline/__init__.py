"""The order of the work: read, measure, assess, compose, render, seal."""
