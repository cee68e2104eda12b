"""Kyverno's policies: ClusterPolicy and Policy, the types written in CEL, and their test suites."""
