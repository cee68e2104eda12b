"""Checks and attack steps as small data files, with their prose, references and examples."""
