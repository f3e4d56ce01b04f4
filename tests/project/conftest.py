"""The fixtures these tests share with others."""

from helpers.fixtures import demo, keys

__all__ = ["demo", "keys"]
