"""The emulator kit: what it takes to emulate an HTTP API that an OpenAPI description describes.

An emulator is a description, handlers for its operations, a store, and the conventions of its platform. The kit holds
each request and each answer against the description, lets faults happen, keeps a ledger of the writes, and puts the
emulator on a port or behind a client in this process. It knows no platform, and several emulators live in one process.
"""
