"""Tests of the shell that need no whole house."""
