"""Who may do what: RBAC exactly as the API server decides it."""
