"""The stream protocol: what official clients read and write.

`wire` turns events into stream-json lines, `output` writes lines to a descriptor without blocking the
event loop.
"""
