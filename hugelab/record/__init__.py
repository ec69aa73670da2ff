"""Recordings of what a kernel did, made by sources (model, live, trace) and shown by views. Imports core and linux."""
