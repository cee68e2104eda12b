"""Linkerd: who is in the mesh, what its proxies let in, and what is left unencrypted."""
