"""Tests of the local mirror."""
