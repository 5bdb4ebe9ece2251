"""Fuzzing: what others send must give readings or a reason, quickly and in little memory, whatever the bytes.

`make fuzz`, or `python -m tests.fuzz NAME… --inputs 5000000 --seconds 600`; see docs/explanation/fuzzing.md.
"""
