"""mistrust removes unused trust from Kubernetes, with proof."""
