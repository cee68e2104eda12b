"""Everything that arrives beside the objects: audit logs, flows and traces, as evidence of use."""
