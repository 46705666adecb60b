"""What the meters are believed: the state estimate, and what measured voltages say of the feeder's model. Pure."""
