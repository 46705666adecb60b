"""What the fleet does for the grid's frequency: droop, ride-through, regulation and reserves. Pure."""
