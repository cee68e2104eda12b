"""Connections workload by workload, in the forms of np-guard and for programs."""
