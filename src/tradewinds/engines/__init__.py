"""Where many independent tasks run: this machine's cores, a Ray cluster, AWS Batch. Each implements `simulation.sweep.Engine`.

Imports nothing of the other edges. Begin at `local.py`.
"""
