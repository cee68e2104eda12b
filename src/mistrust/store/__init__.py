"""Evidence, kept: what was used in which hour, so that months fit in megabytes and nothing is read twice."""
