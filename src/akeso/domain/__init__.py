"""The words of the field as frozen values and pure transitions.

Nothing here imports anything but the standard library and NumPy, and nothing here does anything to the world.
"""
