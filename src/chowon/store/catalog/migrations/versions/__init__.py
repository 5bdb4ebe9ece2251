"""One file a step, named r0001_what.py; a step that was released is never edited."""
