"""Audit logs of the API server, in every form they are kept in: who used which right, how often, and when."""
