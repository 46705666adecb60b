"""What the dispatcher sees of the feeder: who stands where, what they told, what they want, how sure it is. Pure."""
