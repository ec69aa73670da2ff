"""Facts about Linux as data, each told once, with first release and source. Runs nothing, imports core alone."""
