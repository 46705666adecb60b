"""The grid-safety guarantees G1 to G8, a file each; ``tests/integration/whole_system/test_dispatch_safety.py`` asks the
same of the whole system over its sockets."""
