"""Builds generated/ from openapi.yaml and the sync modules from their async sources."""
