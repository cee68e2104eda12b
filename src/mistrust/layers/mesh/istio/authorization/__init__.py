"""AuthorizationPolicy and RequestAuthentication: who may do what at a server."""
