"""`doorman backtest`: runs it and prints its report, the advice first."""
