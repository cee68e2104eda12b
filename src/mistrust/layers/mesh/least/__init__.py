"""The protection and the authorization that are just enough for what was used."""
