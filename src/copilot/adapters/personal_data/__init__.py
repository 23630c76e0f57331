"""Names in free text and numbers with check digits; needs the extra `pii`."""
