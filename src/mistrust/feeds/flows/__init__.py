"""Flow logs and traces: bytes -> who opened a connection to whom, how often, and when."""
