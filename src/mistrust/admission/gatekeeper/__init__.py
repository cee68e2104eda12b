"""Gatekeeper's templates and constraints (open-policy-agent.github.io/gatekeeper)."""
