"""What the tests of project, assessment, report, render, pipeline and cli share."""
