"""What is wrong with the knowledge, one check to a file; `lint.KnowledgeLint` runs them."""
