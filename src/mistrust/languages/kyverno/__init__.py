"""What Kyverno's policies are written in: patterns with anchors, conditions, and variables in JMESPath."""
