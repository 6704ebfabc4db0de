"""Trials of what lies on disk: `python -m tests.faults kill|scipion|disk|fuzz|names --cases N --seed S`.

It prints a table of promise, cases, held. A trial makes small data of its own and runs the programs on it in forked processes,
which it kills, limits or feeds broken files.
"""
