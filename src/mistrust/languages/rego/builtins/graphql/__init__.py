"""GraphQL documents, as github.com/vektah/gqlparser reads them and encoding/json writes its trees."""
