"""Values in, bytes out: text, JSON, SARIF, JUnit, Markdown, GitHub annotations, HTML."""
