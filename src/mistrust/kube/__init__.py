"""Kubernetes objects as frozen typed values, read from text exactly as kubectl reads it."""
