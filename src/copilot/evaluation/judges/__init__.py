"""Language models that judge: what they may cost, what they are shown, and what is recorded of them."""
