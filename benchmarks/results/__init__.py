"""The results table: each method alone, together and tuned, beside published figures."""
