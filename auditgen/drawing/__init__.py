"""What renderers share: charts as SVG with a text alternative, and the template environment."""
