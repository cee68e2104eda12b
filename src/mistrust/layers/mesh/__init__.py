"""How a connection is protected: mutual TLS and authorization by Istio and Linkerd, and the certificates behind it."""
