"""Canonical records, where they came from, the store that keeps them and the engine that counts."""
