"""`python -m app` and the console script `doorman`: both run the command line."""

from app.cli.commands import cli

__all__ = ["cli"]

if __name__ == "__main__":
    cli()
