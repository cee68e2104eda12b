"""`python -m mistrust`."""

from mistrust.cli.main import main

main()
