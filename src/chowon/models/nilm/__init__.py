"""Models that tell appliances apart: one file each, found by chowon.models.nilm.registry."""
