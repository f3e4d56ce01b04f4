"""auditgen: signed audit reports for AI systems.

The package reads what evaluation and monitoring tools export, measures what the organisation
promised, judges the evidence for each promise, and seals the result so that a reader can check it
without trusting the author.
"""

__version__ = "0.1.0"
