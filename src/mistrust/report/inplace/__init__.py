"""Changes written into the manifests that they are about, every other line as it was."""
