"""What metrics systems are told of the pools, see docs/metrics.md.

Each integration is imported by who registers it, and nothing here by the rest of the package.
"""
