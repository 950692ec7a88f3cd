"""`python -m tradewinds`: the command line."""

from tradewinds.app.cli import main

if __name__ == "__main__":
    main()
