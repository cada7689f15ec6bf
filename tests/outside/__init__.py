"""Tests of the services and files outside."""
