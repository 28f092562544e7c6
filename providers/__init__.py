"""A folder a wire format: how requests are written, streams read, errors named. Pure: the engine does the I/O.

Imports nothing, so that a program loads the providers it uses; the classes are names of `riverrun`.
"""
