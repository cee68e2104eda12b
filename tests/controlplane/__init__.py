"""A real Kubernetes control plane on loopback, built from Kubernetes' own modules and started by tests that ask it."""
