"""A module for each program; `benchmarks.npbench._catalog` describes what is in one."""
