"""The shell that keeps running: an admission webhook, with what it needs to stay up."""
