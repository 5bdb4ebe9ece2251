"""`python -m chowon` is `chowon`."""

from chowon.cli import main

main()
