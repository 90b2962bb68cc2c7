"""`python -m dagy`."""

from dagy.cli import main

main()
