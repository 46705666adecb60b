"""The planner, part by part."""
