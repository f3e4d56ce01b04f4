"""Statistics on counts: plain functions of numbers, without files, engines or records.

`math` and `statistics` do all the work, because importing a statistics package would cost more than the
query that feeds it. The tests compare every formula with published tables and with other implementations;
`docs/statistics.md` gives the formulas, their sources and their measured coverage.
"""
