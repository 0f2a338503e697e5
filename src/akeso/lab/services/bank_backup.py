"""The provider that payments can fall back to: the same contract, a little slower."""

from akeso.lab.services.bank import SERVICE

__all__ = ["SERVICE"]
