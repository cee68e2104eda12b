"""`python -m mistrust`."""

from mistrust.cli.main import main

if __name__ == "__main__":
    main()
