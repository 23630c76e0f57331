"""Conversations that nobody had yet: a customer with a goal, a representative with habits."""
