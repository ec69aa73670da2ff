"""What is true of Linux, as data, each fact once, with the release it holds from and its source.

Operations and scenarios, flags, structs, rules and kernel bugs, names, machines. Runs nothing; imports core alone.
"""
