"""`python -m whorl`: the same as `whorl`, for where the command is not on the path."""

from whorl.cli import main

if __name__ == "__main__":
    main()
