"""What a kernel did, and what is asked of it."""
