"""The words every layer shares: access, grants, evidence, verdict, fact, finding, and the Layer protocol."""
