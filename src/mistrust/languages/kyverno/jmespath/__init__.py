"""JMESPath (jmespath.org/specification.html) with the functions that Kyverno adds."""
