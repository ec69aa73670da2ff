"""The simulated kernel. Standard library only; functions carry the kernel's names."""
