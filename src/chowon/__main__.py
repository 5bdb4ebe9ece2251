"""`python -m chowon` is `chowon`."""

from chowon.cli.main import main

main()
