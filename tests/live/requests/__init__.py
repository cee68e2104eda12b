"""The requests by which an attacker takes each step of the catalog: `table.TRIED`, keyed by the step's id."""
