"""Figures of study results: matplotlib drawing and nothing else."""
