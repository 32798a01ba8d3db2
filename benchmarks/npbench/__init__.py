"""The programs of NPBench, written for ParPy, and a runner that times them beside NumPy's."""
