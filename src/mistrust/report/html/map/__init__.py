"""The map of the HTML report: who may open a connection to whom, drawn and told."""
