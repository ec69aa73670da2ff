"""Source 2: the running kernel. So far only the probe: what this machine allows."""
