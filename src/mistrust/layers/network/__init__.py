"""Who may open a connection to whom, on which ports: NetworkPolicy and the cluster-wide kinds above and below it."""
