"""Renderers: one file per output, ignorant of each other. `render(document, tables, out)`."""
