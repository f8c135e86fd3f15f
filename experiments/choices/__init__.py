"""What LEAD's open choices are worth, and what is chosen on other data than reported."""
