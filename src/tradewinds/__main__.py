"""`python -m tradewinds`: the command line."""

from tradewinds.app.entry import main

if __name__ == "__main__":
    main()
