"""The planner on a whole system."""
