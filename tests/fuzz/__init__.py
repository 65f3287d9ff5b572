"""Inputs damaged and made up at random: each reader returns a value or raises a UserError, and soon."""
