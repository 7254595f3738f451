"""Connects a school's staging database with the regional system."""
