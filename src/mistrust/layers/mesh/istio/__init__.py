"""Istio: sidecars, ambient, gateways; what servers accept, what clients send, who is authorised."""
