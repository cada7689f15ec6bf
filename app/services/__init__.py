"""The shell around the judgement: gather everything, call the core once, record everything."""
