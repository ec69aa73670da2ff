"""What a kernel did: a Recording, the protocol of what makes one, and what can be asked of any Recording.

Sources (model, live, trace) make Recordings, views show them. Imports core and linux.
"""
